"""Google Gemini, through its OpenAI-compatible API."""

from prismd.providers.base import ProviderSpec

SPEC = ProviderSpec(
    type="gemini",
    title="Google Gemini",
    docs_url="https://ai.google.dev/gemini-api/docs/openai",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    api_key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    prices_id="google",
)
