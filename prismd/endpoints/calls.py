"""One inference call over HTTP, whatever it asks for and in whichever dialect.

Each endpoint names its operation, its dialect and who reads the body; nothing else differs, so
none of them can leave out what the corridor or its caller must know.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from prismd.endpoints import idempotency
from prismd.endpoints.asgi import (
    ClientLeft,
    WhileConnected,
    prism_headers,
    read_body,
    send_reply,
    tags_of,
    take_body,
    timeout_of,
    vendor_headers,
)
from prismd.endpoints.credentials import caller_of, tell_limits
from prismd.flow.reply import Reply
from prismd.flow.serve import serve
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import PrismError
from prismd.policy.access import check_ip
from prismd.snapshot import Snapshot
from prismd.wire.call import Call, DialectName, Op
from prismd.wire.chat import ChatRequest

Parse: TypeAlias = Callable[[bytes], ChatRequest]
Corridor: TypeAlias = Callable[[Gateway, Snapshot, Call], Awaitable[Reply]]


async def answer_call(
    gateway: Gateway,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    op: Op,
    dialect: DialectName,
    parse: Parse,
    walk: Corridor = serve,
) -> None:
    """Take a call, have it walk the corridor, and answer it."""
    caller = caller_of(gateway, scope)
    snap = gateway.snapshot
    try:
        if caller.key.allowed_ips is not None:  # before its body is read
            check_ip(caller.key, caller.ip)
        gateway.load.check(gateway.limiter.running, snap.max_running_calls)
        headers = prism_headers(scope)
        body = take_body(scope, snap.max_body_bytes)
        if body is None:
            body = await read_body(scope, receive, snap.max_body_bytes)
            caller = caller_of(gateway, scope)  # the key may have been revoked meanwhile
            gateway.load.check(gateway.limiter.running, snap.max_running_calls)
        call = Call(
            id=scope["request_id"],
            op=op,
            dialect=dialect,
            caller=caller,
            request=parse(body),
            tags=tags_of(headers, caller.key.metadata),
            headers=headers,
            passed=vendor_headers(scope, snap.catalog.passed_headers),
            started_s=clock.monotonic_s(),
            timeout_s=timeout_of(headers) if headers else None,
            idempotency_key=idempotency.key_of(scope, body, owner=caller.key.id),
            body=body if snap.keeps_bodies and snap.keeps_bodies_of(caller.key.org_id) else None,
        )
        if call.idempotency_key is not None and not call.request.is_stream:
            # To its end, for the next try of a client that leaves.
            await send_reply(send, await walk(gateway, snap, call))
        else:
            with WhileConnected(scope):
                await send_reply(send, await walk(gateway, snap, call))
    except ClientLeft:
        return
    except PrismError:
        tell_limits(gateway, caller.key, scope)
        raise
