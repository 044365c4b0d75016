"""OpenAI."""

from prismd.providers.base import ProviderSpec
from prismd.providers.params import Drop, MapRole, Rename, Rules

_REASONING = ("o1", "o3", "o4", "gpt-5")
_CHAT = ("gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat")

OPENAI_RULES = Rules(
    Rename("max_tokens", "max_completion_tokens"),
    MapRole("developer", "user", models=("o1-mini", "o1-preview")),
    MapRole("system", "user", models=("o1-mini", "o1-preview")),
    *(
        Drop(name, unless, models=_REASONING, but=_CHAT)
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
)
"""Models that reason refuse what would steer how they sample."""

SPEC = ProviderSpec(
    type="openai",
    title="OpenAI",
    docs_url="https://platform.openai.com/docs/api-reference/chat",
    base_url="https://api.openai.com/v1",
    api_key_env=("OPENAI_API_KEY",),
    rules=OPENAI_RULES,
    is_generic=True,
    passed_headers=frozenset({"openai-beta"}),
    prices_id="openai",
)
