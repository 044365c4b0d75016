"""Replicate: it has no public OpenAI-compatible URL, so the operator names a proxy for it."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="replicate",
    title="Replicate",
    docs_url="https://replicate.com/docs/reference/http",
    base_url=None,
    api_key_env=("REPLICATE_API_TOKEN",),
)
