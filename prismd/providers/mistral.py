"""Mistral AI."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="mistral",
    title="Mistral AI",
    docs_url="https://docs.mistral.ai/api/",
    base_url="https://api.mistral.ai/v1",
    api_key_env=("MISTRAL_API_KEY",),
    prices_id="mistral",
)
