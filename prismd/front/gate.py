"""The outermost ASGI layer: request id, head checks, and the last net under every error.

Pure ASGI, one thin wrapper per request. Whatever happens below, the client gets an answer in the
error shape of its dialect with an ``x-request-id``, and the process goes on. Three entries of the
scope are for those below: ``request_id``; ``head``, the headers by name; and ``reply_headers``,
which are put on the answer whatever it will be.
"""

import asyncio
import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismd.dialects.errors import error_body, error_headers
from prismd.dialects.spoken import dialect_of
from prismd.front import spelling
from prismd.front.checks import check_headers, check_host, check_path
from prismd.gateway import Gateway
from prismd.kernel.errors import Internal, Overloaded, PrismError
from prismd.kernel.ids import new_id

log = logging.getLogger("prism.front")

SHUTDOWN_RETRY_S = 5.0
"""When to come again to a gateway that shuts down: mostly it starts again at once."""


class Gate:
    """Wrap an ASGI app."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = scope["request_id"] = new_id("req")
        reply_headers: dict[str, str] = {}
        scope["reply_headers"] = reply_headers
        is_later = started = False

        def send_on(message: Message) -> Awaitable[None]:
            nonlocal started
            if not started:
                started = True
                headers = message["headers"]
                if reply_headers:
                    headers = _with_absent(headers, reply_headers)
                headers = [*headers, (b"x-request-id", request_id.encode())]
                if self._gateway.is_draining:
                    headers.append((b"connection", b"close"))
                message["headers"] = spelling.with_later(headers) if is_later else headers
            return send(message)

        try:
            head = check_headers(scope["headers"])
            names = b"".join(head)
            uses_ours, is_later = spelling.used_in(head, names)
            if is_later:
                scope["headers"] = spelling.to_ours(scope["headers"])
                head = check_headers(scope["headers"])
            scope["head"], scope["has_own_headers"] = head, uses_ours or is_later
            check_host(head, self._gateway.snapshot.allowed_hosts)
            check_path(scope["raw_path"])
            await self._app(scope, receive, send_on)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # the last net
            await _tell(error, scope, None if started else send_on)


def answering(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that its errors become answers, or a line in the log after the first byte."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, send_on)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # as the gate
            await _tell(error, scope, None if started else send_on)

    return answered


async def _tell(error: BaseException, scope: Scope, send: Send | None) -> None:
    """Answer an error; ``send`` is None when an answer has begun, and there is only the log."""
    request_id = scope["request_id"]
    if isinstance(error, asyncio.CancelledError):  # only the end of the time to shut down does that
        error = shutting_down()
    elif not isinstance(error, PrismError):
        log.error("request %s failed", request_id, exc_info=error)
        error = internal_error(request_id)
    if send is None:
        log.warning("request %s broke off: %s", request_id, error.message)
    else:
        await send_error(send, error, scope)


def internal_error(request_id: str) -> Internal:
    """Return what a client learns of a fault of ours: the id under which the log has it."""
    return Internal(
        f"The gateway failed to handle this request. Its log has the detail under {request_id}."
    )


def shutting_down() -> Overloaded:
    """Return what a call is told that is cut because the daemon stops."""
    msg = "The gateway shuts down, and the time for calls to end is over. Send the request again."
    return Overloaded(msg, code="shutting_down", retry_after_s=SHUTDOWN_RETRY_S)


def _with_absent(
    headers: list[tuple[bytes, bytes]], more: dict[str, str]
) -> list[tuple[bytes, bytes]]:
    present = {name for name, _ in headers}
    encoded = ((name.encode(), value.encode()) for name, value in more.items())
    return [*headers, *(header for header in encoded if header[0] not in present)]


async def send_error(send: Send, error: PrismError, scope: Scope) -> None:
    """Answer with an error, in the dialect of the request."""
    # Of a head that was refused there is no other form.
    head = scope.get("head") or dict(scope["headers"])
    dialect = dialect_of(scope["method"], scope["path"], head)
    request_id = scope["request_id"]
    body = error_body(error, dialect, request_id=request_id)
    headers = error_headers(error, dialect, request_id=request_id)
    headers["content-length"] = str(len(body))
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
