"""xAI."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="xai",
    title="xAI",
    docs_url="https://docs.x.ai/docs/api-reference",
    base_url="https://api.x.ai/v1",
    api_key_env=("XAI_API_KEY",),
    prices_id="x-ai",
)
