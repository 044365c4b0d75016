"""``/v1beta/models/{model}:…`` and ``/v1/models/{model}:…``: Google's API."""

from collections.abc import Awaitable
from functools import partial
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope, Send

from prismd.dialects.google.request import parse, parse_count
from prismd.endpoints.calls import answer_call
from prismd.endpoints.counting import answer_count
from prismd.flow.count import Counted
from prismd.gateway import Gateway
from prismd.wire.call import Call, DialectName, Op


class ContentCount(msgspec.Struct, rename="camel"):
    """How many tokens contents would have."""

    total_tokens: int
    method: str
    """As in ``TokenCount``."""


def generate(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Generate content, whole."""
    model = scope["path_params"]["model"]
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.CHAT,
        dialect=DialectName.GOOGLE,
        parse=partial(parse, model=model, is_stream=False),
    )


def stream(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Generate content in pieces: server-sent events with ``alt=sse``, else a JSON array."""
    model = scope["path_params"]["model"]
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    is_array = asked.get("alt", [""])[-1].lower() != "sse"
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.CHAT,
        dialect=DialectName.GOOGLE,
        parse=partial(parse, model=model, is_stream=True, is_array=is_array),
    )


def count(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Count the tokens of contents, without generating anything."""
    model = scope["path_params"]["model"]
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.COUNT_TOKENS,
        dialect=DialectName.GOOGLE,
        parse=partial(parse_count, model=model),
        walk=partial(answer_count, write=_written),
    )


def _written(_: Call, counted: Counted) -> ContentCount:
    return ContentCount(counted.tokens, counted.method)
