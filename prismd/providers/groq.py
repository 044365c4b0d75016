"""Groq."""

from prismd.providers.base import ProviderSpec
from prismd.providers.message_rules import DropOfMessages
from prismd.providers.params import Drop, Rules

SPEC = ProviderSpec(
    type="groq",
    title="Groq",
    docs_url="https://console.groq.com/docs/openai",
    base_url="https://api.groq.com/openai/v1",
    rules=Rules(
        Drop("logprobs", unless=False),
        Drop("top_logprobs"),
        Drop("logit_bias"),
        Drop("n", unless=1),
        DropOfMessages("name", told="message_name"),
    ),
    api_key_env=("GROQ_API_KEY",),
    prices_id="groq",
)
