"""Cerebras."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="cerebras",
    title="Cerebras",
    docs_url="https://inference-docs.cerebras.ai/resources/openai",
    base_url="https://api.cerebras.ai/v1",
    api_key_env=("CEREBRAS_API_KEY",),
    prices_id="cerebras",
)
