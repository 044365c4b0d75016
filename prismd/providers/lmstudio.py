"""LM Studio on this machine."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="lmstudio",
    title="LM Studio",
    docs_url="https://lmstudio.ai/docs/developer/openai-compat",
    base_url="http://127.0.0.1:1234/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
    local_port=1234,
)
