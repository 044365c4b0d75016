"""The outermost ASGI layer: request id, head checks, and the last net under every error.

Pure ASGI, one thin wrapper per request. Whatever happens below, the client gets an answer in the
error shape with an ``x-request-id``, and the process goes on. Two entries of the scope are for
those below: ``request_id``, and ``reply_headers``, which are put on the answer whatever it will
be.
"""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismd.dialects.errors import error_body, error_headers
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
        self._answered = answering(self._checked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = scope["request_id"] = new_id("req")
        reply_headers: dict[str, str] = {}
        scope["reply_headers"] = reply_headers
        is_later = spelling.uses_later(scope["headers"])
        if is_later:
            scope["headers"] = spelling.to_ours(scope["headers"])

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += [
                    (name.encode(), value.encode())
                    for name, value in reply_headers.items()
                    if name.encode() not in present
                ]
                headers.append((b"x-request-id", request_id.encode()))
                if self._gateway.is_draining:
                    headers.append((b"connection", b"close"))
                message["headers"] = spelling.with_later(headers) if is_later else headers
            await send(message)

        await self._answered(scope, receive, send_on)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_headers(scope["headers"])
        check_host(scope["headers"], self._gateway.snapshot.allowed_hosts)
        check_path(scope["raw_path"])
        await self._app(scope, receive, send)


def answering(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that its errors become answers, or a line in the log after the first byte."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["request_id"]
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def tell(error: PrismError) -> None:
            if started:
                log.warning("request %s broke off: %s", request_id, error.message)
            else:
                await send_error(send_on, error)

        try:
            await app(scope, receive, send_on)
        except PrismError as error:
            await tell(error)
        except asyncio.CancelledError:  # only the end of the time to shut down does that
            await tell(_shutting_down())
        except Exception:
            log.exception("request %s failed", request_id)
            await tell(internal_error(request_id))

    return answered


def internal_error(request_id: str) -> Internal:
    """Return what a client learns of a fault of ours: the id under which the log has it."""
    return Internal(
        f"The gateway failed to handle this request. Its log has the detail under {request_id}."
    )


def _shutting_down() -> Overloaded:
    msg = "The gateway shuts down, and the time for calls to end is over. Send the request again."
    return Overloaded(msg, code="shutting_down", retry_after_s=SHUTDOWN_RETRY_S)


async def send_error(send: Send, error: PrismError) -> None:
    """Answer with an error."""
    body = error_body(error)
    headers = error_headers(error) | {"content-length": str(len(body))}
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
