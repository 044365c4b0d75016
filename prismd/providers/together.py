"""Together AI."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="together",
    title="Together AI",
    docs_url="https://docs.together.ai/docs/openai-api-compatibility",
    base_url="https://api.together.xyz/v1",
    api_key_env=("TOGETHER_API_KEY",),
    prices_id="together",
)
