"""Groq."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="groq",
    title="Groq",
    docs_url="https://console.groq.com/docs/openai",
    base_url="https://api.groq.com/openai/v1",
    api_key_env=("GROQ_API_KEY",),
    prices_id="groq",
)
