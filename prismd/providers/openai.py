"""OpenAI."""

from prismd.providers.base import OPENAI_ENDPOINTS, OPENAI_PASSED, Endpoint, ProviderSpec
from prismd.providers.message_rules import MapRole
from prismd.providers.params import Drop, Rename, Rules
from prismd.wire.call import DialectName, Op

_TEXT_MODELS = (
    "gpt-3.5-turbo-instruct",
    "gpt-35-turbo-instruct",  # as Azure spells it
    "davinci-002",
    "babbage-002",
    "ft:davinci",
    "ft:babbage",
)
"""The only ones that complete text, and they do not chat; by how their names begin."""
_O_SERIES = ("o1", "o3", "o4")
_REASONING = (*_O_SERIES, "gpt-5")
_AT_REST = ("gpt-5-chat", "gpt-5.1", "gpt-5.2")
"""Do not reason unless they are asked to, and take then what steers sampling."""
_NEVER_AT_REST = ("gpt-5.1-codex", "gpt-5.2-codex", "gpt-5.2-pro")

OPENAI_RULES = Rules(
    Rename("max_tokens", "max_completion_tokens", but=_TEXT_MODELS),
    MapRole("developer", "user", models=("o1-mini", "o1-preview")),
    MapRole("system", "user", models=("o1-mini", "o1-preview")),
    *(
        Drop(name, unless, models=models, but=but)
        for models, but in ((_REASONING, _AT_REST), (_NEVER_AT_REST, ()))
        for name, unless in (
            ("temperature", 1),
            ("top_p", 1),
            ("presence_penalty", 0),
            ("frequency_penalty", 0),
            ("logprobs", False),
            ("top_logprobs", None),
            ("logit_bias", None),
        )
    ),
    Drop("stop", models=("o3", "o4", "gpt-5"), but=_AT_REST),
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
