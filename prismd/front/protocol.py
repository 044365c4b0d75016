"""uvicorn's httptools protocol with limits on a request's head, and our answer to what it refuses.

A head is cut when it is too large, has too many headers, or does not come in time: a connection
that sends nothing, or a header a minute, is not held.
"""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prismd.dialects.errors import error_body
from prismd.kernel.errors import HeadTooLarge, InvalidRequest, PrismError
from prismd.kernel.ids import new_id

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
HEAD_TIMEOUT_S = 15.0
"""From the opening of a connection, or the first byte of a further request, to the blank line."""


class PrismHttpProtocol(HttpToolsProtocol):
    """The strictest of the Python parsers; what it refuses is answered like any other error."""

    _is_head_open = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _refusal: PrismError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse a head that grows and grows."""
        super().data_received(data)
        if not self._is_head_open or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refusal = _too_large()
            self.send_400_response("")
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._is_head_open, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let a request in whose head is within its limits."""
        self._is_head_open = False
        self._stop_timer()
        size = sum(len(name) + len(value) for name, value in self.headers) + len(self.url)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = _too_large()
            raise self._refusal  # the parser stops, and answers through send_400_response
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the error shape, and close."""
        error = self._refusal or InvalidRequest(
            f"This is no valid HTTP/1.1 request. {msg}", code="invalid_http"
        )
        body = error_body(error)
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {new_id('req')}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _too_large() -> HeadTooLarge:
    msg = (
        f"Request line and headers are over {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers. "
        "Send fewer or shorter headers."
    )
    return HeadTooLarge(msg)
