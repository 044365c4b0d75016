"""Anyscale services: the base URL is the one of the operator's own deployment."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="anyscale",
    title="Anyscale",
    docs_url="https://docs.anyscale.com/llm/serving",
    base_url=None,
    api_key_env=("ANYSCALE_API_KEY",),
)
