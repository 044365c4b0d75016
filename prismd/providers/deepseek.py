"""DeepSeek."""

from prismd.providers.base import ProviderSpec
from prismd.providers.message_rules import MapRole, SchemaAsText
from prismd.providers.params import Drop, Rename, Rules
from prismd.wire.call import DialectName

_REASONING = ("deepseek-reasoner",)

SPEC = ProviderSpec(
    type="deepseek",
    title="DeepSeek",
    docs_url="https://api-docs.deepseek.com/",
    base_url="https://api.deepseek.com/v1",
    rules=Rules(
        Rename("max_completion_tokens", "max_tokens"),
        MapRole("developer", "system"),
        SchemaAsText(),
        Drop("logprobs", unless=False, models=_REASONING),
        Drop("top_logprobs", models=_REASONING),
    ),
    also={DialectName.ANTHROPIC: "https://api.deepseek.com/anthropic/v1"},
    api_key_env=("DEEPSEEK_API_KEY",),
    prices_id="deepseek",
)
