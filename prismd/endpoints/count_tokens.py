"""``POST /v1/count_tokens``: the tokens of a chat, in OpenAI's terms, which has no such route."""

from collections.abc import Awaitable
from functools import partial

import msgspec
from starlette.types import Receive, Scope, Send

from prismd.dialects.registry import DIALECTS
from prismd.endpoints.calls import answer_call
from prismd.endpoints.counting import answer_count
from prismd.flow.count import Counted
from prismd.gateway import Gateway
from prismd.wire.call import Call, DialectName, Op

_OPENAI = DIALECTS[DialectName.OPENAI]


class TokenCount(msgspec.Struct, omit_defaults=True):
    """How many tokens a request would use."""

    model: str
    token_count: int
    method: str
    """``upstream``: the vendor's own counter said it; ``exact``: from the table that the vendor
    publishes; ``estimate``: from the number of characters."""
    max_context_tokens: int | None = None
    remaining_tokens: int | None = None


def count_tokens(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Count the prompt tokens of a chat, without making the call."""
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.COUNT_TOKENS,
        dialect=_OPENAI.name,
        parse=_OPENAI.parse,
        walk=partial(answer_count, write=_written),
    )


def _written(call: Call, counted: Counted) -> TokenCount:
    said = TokenCount(call.request.model, counted.tokens, counted.method)
    if counted.context_tokens is not None:
        said.max_context_tokens = counted.context_tokens
        said.remaining_tokens = max(0, counted.context_tokens - counted.tokens)
    return said
