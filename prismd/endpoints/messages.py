"""``POST /v1/messages`` and ``/v1/messages/count_tokens``: Anthropic's API."""

from collections.abc import Awaitable
from functools import partial

import msgspec
from starlette.types import Receive, Scope, Send

from prismd.dialects.anthropic.request import MessagesPeek, check_limit, parse
from prismd.endpoints.calls import answer_call
from prismd.endpoints.counting import answer_count
from prismd.flow.count import Counted
from prismd.gateway import Gateway
from prismd.wire.call import Call, DialectName, Op
from prismd.wire.chat import ChatRequest


class MessageBody(MessagesPeek, frozen=True, kw_only=True):
    """The body of a message: a count needs no limit of the answer, a message does."""

    max_tokens: int


class MessageCount(msgspec.Struct):
    """How many tokens a message would have."""

    input_tokens: int
    method: str
    """As in ``TokenCount``."""


def messages(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Create a message, streamed or not."""
    _name(scope)
    return answer_call(
        gateway, scope, receive, send, op=Op.CHAT, dialect=DialectName.ANTHROPIC, parse=_limited
    )


def count_message(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Count the tokens of a message, without making the call."""
    _name(scope)
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.COUNT_TOKENS,
        dialect=DialectName.ANTHROPIC,
        parse=parse,
        walk=partial(answer_count, write=_written),
    )


def _name(scope: Scope) -> None:
    """Have the answer name the request where Anthropic's SDK looks for it."""
    scope["reply_headers"]["request-id"] = scope["request_id"]


def _limited(body: bytes) -> ChatRequest:
    request = parse(body)
    check_limit(request)
    return request


def _written(_: Call, counted: Counted) -> MessageCount:
    return MessageCount(counted.tokens, counted.method)
