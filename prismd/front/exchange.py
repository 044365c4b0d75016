"""One request and its answer on a connection: uvicorn's cycle, with less to do per call.

It says at once when a client leaves, gives a body that is here without waiting, and writes head and
body of an answer together. A head is checked once as a whole, not header by header.
"""

import logging
from collections.abc import Awaitable, Callable, Generator

from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_BODYLESS = frozenset({204, 304})

log = logging.getLogger("prism.front")


class _Done:
    """An awaitable that is done: most parts of an answer are written without a wait."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class Exchange(RequestResponseCycle):
    """The ASGI side of one request; it is in the scope under ``exchange``."""

    on_leave: Callable[[], None] | None = None
    """Called once if the client leaves before it has its whole answer."""
    on_known: Callable[[], None] | None = None
    """To be called when the request has shown a valid key; None once its connection has."""
    _head = b""
    """The head of the answer, until it leaves together with the first bytes of the body."""

    def take_body(self) -> bytes | None:
        """Return the whole body if all of it is here and nobody has taken any; else None."""
        if self.more_body or self.disconnected:
            return None
        body, self.body = bytes(self.body), bytearray()
        self.message_event.clear()
        return body

    def leave(self) -> None:
        """Note that the connection is gone."""
        if self.on_leave is not None and not self.response_complete:
            self.on_leave()

    async def run_asgi(self, app: ASGIApp) -> None:  # type: ignore[override]  # its own types
        """Run the app; an answer that it does not end (it has said why) ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)  # type: ignore[arg-type]  # its own types
        except Exception:
            log.exception("a request failed outside its gate")
            if not self.response_started:
                await self.send_500_response()
        finally:
            if self.response_started and not self.response_complete:
                self.disconnected = True
                self.transport.close()
                self.on_response()
            self.on_response = _nothing
            self.on_leave = self.on_known = None
            # They refer to each other: what only a full collection can free costs 15 ms at a time.
            del self.scope["exchange"]  # type: ignore[typeddict-item]  # an entry of ours

    def send(self, message: Message) -> Awaitable[None]:  # type: ignore[override]  # as above
        """Take a part of the answer; to be awaited, while the client does not receive."""
        if self.flow.write_paused and not self.disconnected:
            return self._send_later(message)
        self._take(message)
        if self.flow.write_paused and not self.response_complete:
            return self.flow.drain()  # before the next part is made, not with it in memory
        return _DONE

    async def _send_later(self, message: Message) -> None:
        await self.flow.drain()
        self._take(message)

    def _take(self, message: Message) -> None:
        if self.disconnected:
            return
        if not self.response_started:
            self._start(message)
        elif not self.response_complete:
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))

    def _start(self, message: Message) -> None:
        headers: list[tuple[bytes, bytes]] = message["headers"]
        status: int = message["status"]
        by_name = dict(headers)
        parts, lines = [STATUS_LINE[status]], 1 + len(headers)
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        if (length := by_name.get(b"content-length")) is not None:
            self.expected_content_length = int(length)
            self.chunked_encoding = False
        elif self.scope["method"] != "HEAD" and status not in _BODYLESS:
            self.chunked_encoding = self.scope["http_version"] != "1.0"
            if self.chunked_encoding:
                lines += 1
                parts.append(b"transfer-encoding: chunked\r\n")
        if by_name.get(b"connection") == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            lines += 1
            parts.append(b"connection: close\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            msg = "a header of an answer holds a line break"
            raise RuntimeError(msg)
        self.response_started = True
        self.waiting_for_100_continue = False
        self._head = head + b"\r\n"

    def _write(self, body: bytes, *, is_last: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.chunked_encoding:
            end = b"0\r\n\r\n" if is_last else b""
            body = b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        elif self.chunked_encoding is False and self.scope["http_version"] != "1.0":
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                msg = "an answer is not as long as its Content-Length"
                raise RuntimeError(msg)
        if self._head:
            body, self._head = self._head + body, b""
        if body:
            self.transport.write(body)
        if is_last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


def _nothing() -> None:
    """Take the place of a callback whose time is over."""
