"""xAI."""

from prismd.providers.base import ProviderSpec
from prismd.providers.params import Drop, Rules
from prismd.wire.call import DialectName

_REASONING = ("grok-3-mini", "grok-4", "grok-code")
_OTHERS = ("grok-4.", "grok-4-fast-non-reasoning", "grok-4-1-fast-non-reasoning")

SPEC = ProviderSpec(
    type="xai",
    title="xAI",
    docs_url="https://docs.x.ai/docs/api-reference",
    base_url="https://api.x.ai/v1",
    rules=Rules(
        Drop("presence_penalty", unless=0, models=_REASONING, but=_OTHERS),
        Drop("frequency_penalty", unless=0, models=_REASONING, but=_OTHERS),
        Drop("stop", models=_REASONING, but=_OTHERS),
        Drop("reasoning_effort", models=("grok-4", "grok-code"), but=("grok-4.",)),
        Drop("reasoning_effort", models=("grok-4.20",)),
    ),
    also={DialectName.ANTHROPIC: "https://api.x.ai/v1"},
    api_key_env=("XAI_API_KEY",),
    prices_id="x-ai",
)
