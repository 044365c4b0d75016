"""Mistral AI."""

from prismd.providers.base import ProviderSpec
from prismd.providers.message_rules import DropOfMessages, MapRole
from prismd.providers.params import Clamp, Drop, MapValue, Omit, Rename, Rules

SPEC = ProviderSpec(
    type="mistral",
    title="Mistral AI",
    docs_url="https://docs.mistral.ai/api/",
    base_url="https://api.mistral.ai/v1",
    rules=Rules(
        Rename("max_completion_tokens", "max_tokens"),
        Rename("seed", "random_seed"),
        MapValue("tool_choice", {"required": "any"}),
        MapRole("developer", "system"),
        DropOfMessages("name", told="message_name"),
        Clamp("temperature", 0, 1.5),
        Omit("stream_options"),
        Drop("logit_bias"),
        Drop("logprobs", unless=False),
        Drop("top_logprobs"),
        Drop("service_tier", unless="auto"),
        Drop("store", unless=False),
        Drop("user"),
    ),
    api_key_env=("MISTRAL_API_KEY",),
    prices_id="mistral",
)
