"""OpenRouter."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec

SPEC = ProviderSpec(
    type="openrouter",
    title="OpenRouter",
    docs_url="https://openrouter.ai/docs/api-reference/overview",
    base_url="https://openrouter.ai/api/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    passed_headers=frozenset({"http-referer", "x-title"}),
    api_key_env=("OPENROUTER_API_KEY",),
    prices_id="openrouter",
)
