"""Google Gemini, through its own API (generateContent)."""

from prismd.providers.base import (
    GOOGLE_ENDPOINTS,
    GOOGLE_MODELS,
    AuthKind,
    ProviderSpec,
)
from prismd.wire.call import DialectName

SPEC = ProviderSpec(
    type="gemini",
    title="Google Gemini",
    docs_url="https://ai.google.dev/api/generate-content",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    base_path="/v1beta",
    auth=AuthKind.GOOGLE_KEY,
    ops=GOOGLE_ENDPOINTS,
    also={DialectName.OPENAI: "https://generativelanguage.googleapis.com/v1beta/openai"},
    listing=GOOGLE_MODELS,
    api_key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    prices_id="google",
)
