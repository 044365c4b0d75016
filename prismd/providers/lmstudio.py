"""LM Studio on this machine."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="lmstudio",
    title="LM Studio",
    docs_url="https://lmstudio.ai/docs/developer/openai-compat",
    base_url="http://127.0.0.1:1234/v1",
    local_port=1234,
)
