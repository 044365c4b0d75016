"""OpenRouter."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="openrouter",
    title="OpenRouter",
    docs_url="https://openrouter.ai/docs/api-reference/overview",
    base_url="https://openrouter.ai/api/v1",
    api_key_env=("OPENROUTER_API_KEY",),
    prices_id="openrouter",
)
