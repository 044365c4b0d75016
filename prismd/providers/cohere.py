"""Cohere, through its own API (version 2)."""

from prismd.providers.base import COHERE_ENDPOINTS, COHERE_MODELS, ProviderSpec
from prismd.wire.call import DialectName

SPEC = ProviderSpec(
    type="cohere",
    title="Cohere",
    docs_url="https://docs.cohere.com/reference/chat",
    base_url="https://api.cohere.com/v2",
    base_path="/v2",
    ops=COHERE_ENDPOINTS,
    also={DialectName.OPENAI: "https://api.cohere.ai/compatibility/v1"},
    listing=COHERE_MODELS,
    api_key_env=("COHERE_API_KEY", "CO_API_KEY"),
    prices_id="cohere",
)
