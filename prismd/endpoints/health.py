"""``/healthz``, ``/livez``, ``/readyz``: for load balancers and supervisors; no credential.

Plain ASGI: they answer from the first moment on, and whatever the rooms are busy with.
"""

from typing import Literal

import msgspec
from starlette.types import Receive, Scope, Send

from prismd.endpoints.asgi import MAX_ROOM_BODY_BYTES, ClientLeft, read_body, send_reply
from prismd.flow.reply import Reply
from prismd.gateway import Gateway
from prismd.kernel import jsonio


class Alive(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, omit_defaults=True):
    """Whether traffic should come here."""

    status: Literal["ready", "not_ready"]
    reasons: list[str] | None = None


async def alive(_: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """Say that the process answers."""
    await _answer(scope, receive, send, 200, Alive())


async def ready(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """Say whether traffic should come here, and if not, why not."""
    if reasons := gateway.not_ready_reasons():
        await _answer(scope, receive, send, 503, Readiness("not_ready", reasons))
    else:
        await _answer(scope, receive, send, 200, Readiness("ready"))


async def _answer(
    scope: Scope, receive: Receive, send: Send, status: int, said: Alive | Readiness
) -> None:
    try:
        await read_body(scope, receive, MAX_ROOM_BODY_BYTES)  # nobody should send one
    except ClientLeft:
        return
    await send_reply(send, Reply({}, body=jsonio.encode(said), status=status))
