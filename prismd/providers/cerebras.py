"""Cerebras."""

from prismd.providers.base import OPENAI_ENDPOINTS_AND_TEXT, ProviderSpec
from prismd.providers.params import Drop, Rules

SPEC = ProviderSpec(
    type="cerebras",
    title="Cerebras",
    docs_url="https://inference-docs.cerebras.ai/resources/openai",
    base_url="https://api.cerebras.ai/v1",
    ops=OPENAI_ENDPOINTS_AND_TEXT,
    rules=Rules(
        Drop("frequency_penalty", unless=0),
        Drop("presence_penalty", unless=0),
        Drop("logit_bias"),
    ),
    api_key_env=("CEREBRAS_API_KEY",),
    prices_id="cerebras",
)
