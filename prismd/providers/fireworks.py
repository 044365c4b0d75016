"""Fireworks AI."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec

SPEC = ProviderSpec(
    type="fireworks",
    title="Fireworks AI",
    docs_url="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
    base_url="https://api.fireworks.ai/inference/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    api_key_env=("FIREWORKS_API_KEY",),
    prices_id="fireworks",
)
