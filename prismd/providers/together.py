"""Together AI."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Rename, Rules

SPEC = ProviderSpec(
    type="together",
    title="Together AI",
    docs_url="https://docs.together.ai/docs/openai-api-compatibility",
    base_url="https://api.together.xyz/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(Rename("max_completion_tokens", "max_tokens")),
    api_key_env=("TOGETHER_API_KEY",),
    prices_id="together",
)
