"""Anthropic, through its OpenAI-compatible API."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="anthropic",
    title="Anthropic",
    docs_url="https://docs.anthropic.com/en/api/openai-sdk",
    base_url="https://api.anthropic.com/v1",
    api_key_env=("ANTHROPIC_API_KEY",),
    prices_id="anthropic",
)
