"""OpenAI."""

from prismd.providers.base import OPENAI_ENDPOINTS, OPENAI_PASSED, Endpoint, ProviderSpec
from prismd.providers.params import Drop, MapRole, Rename, Rules
from prismd.wire.call import DialectName, Op

_TEXT_MODELS = ("gpt-3.5-turbo-instruct", "davinci-002", "babbage-002", "ft:davinci", "ft:babbage")
_O_SERIES = ("o1", "o3", "o4")
_REASONING = (*_O_SERIES, "gpt-5")
_OTHERS = ("gpt-5-chat", "gpt-5.")
"""Take what steers sampling, the latter as long as they are not asked to reason."""

OPENAI_RULES = Rules(
    Rename("max_tokens", "max_completion_tokens", but=_TEXT_MODELS),
    MapRole("developer", "user", models=("o1-mini", "o1-preview")),
    MapRole("system", "user", models=("o1-mini", "o1-preview")),
    Drop("temperature", unless=1, models=_REASONING, but=_OTHERS),
    Drop("top_p", unless=1, models=_REASONING, but=_OTHERS),
    Drop("presence_penalty", unless=0, models=_REASONING, but=_OTHERS),
    Drop("frequency_penalty", unless=0, models=_REASONING, but=_OTHERS),
    Drop("logprobs", unless=False, models=_REASONING, but=_OTHERS),
    Drop("top_logprobs", models=_REASONING, but=_OTHERS),
    Drop("logit_bias", models=_REASONING, but=_OTHERS),
    Drop("stop", models=("o3", "o4", "gpt-5"), but=_OTHERS),
    Drop("parallel_tool_calls", unless=True, models=_O_SERIES),
)
"""Models that reason refuse what would steer how they sample."""

SPEC = ProviderSpec(
    type="openai",
    title="OpenAI",
    docs_url="https://platform.openai.com/docs/api-reference/chat",
    base_url="https://api.openai.com/v1",
    is_generic=True,
    ops={
        **OPENAI_ENDPOINTS,
        Op.COMPLETIONS: Endpoint("/completions", DialectName.COMPLETIONS, models=_TEXT_MODELS),
    },
    passed_headers=OPENAI_PASSED,
    rules=OPENAI_RULES,
    api_key_env=("OPENAI_API_KEY",),
    prices_id="openai",
)
