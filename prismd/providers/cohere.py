"""Cohere, through its OpenAI-compatible API."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="cohere",
    title="Cohere",
    docs_url="https://docs.cohere.com/docs/compatibility-api",
    base_url="https://api.cohere.ai/compatibility/v1",
    api_key_env=("COHERE_API_KEY", "CO_API_KEY"),
    prices_id="cohere",
)
