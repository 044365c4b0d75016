"""Anthropic, through its Messages API."""

from prismd.providers.base import (
    ANTHROPIC_ENDPOINTS,
    ANTHROPIC_HEADERS,
    ANTHROPIC_MODELS,
    ANTHROPIC_PASSED,
    AuthKind,
    ProviderSpec,
)
from prismd.providers.params import Clamp, Drop, OneOf, Rules
from prismd.wire.call import DialectName

OLDER = ("claude-3", "claude-2", "claude-instant")
WITHOUT_SAMPLING = (
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-haiku-5",
)

SPEC = ProviderSpec(
    type="anthropic",
    title="Anthropic",
    docs_url="https://docs.anthropic.com/en/api/messages",
    base_url="https://api.anthropic.com/v1",
    auth=AuthKind.X_API_KEY,
    ops=ANTHROPIC_ENDPOINTS,
    headers=ANTHROPIC_HEADERS,
    passed_headers=ANTHROPIC_PASSED,
    rules=Rules(
        Drop("temperature", unless=1, models=WITHOUT_SAMPLING),
        Drop("top_p", unless=1, models=WITHOUT_SAMPLING),
        Drop("top_k", models=WITHOUT_SAMPLING),
        Clamp("temperature", 0, 1),
        OneOf("temperature", "top_p", unless=1, but=OLDER),
    ),
    also={DialectName.OPENAI: "https://api.anthropic.com/v1"},
    listing=ANTHROPIC_MODELS,
    api_key_env=("ANTHROPIC_API_KEY",),
    prices_id="anthropic",
)
