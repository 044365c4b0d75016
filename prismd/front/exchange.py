"""One request and its answer on a connection: the ASGI side of uvicorn's protocol.

It takes the place of uvicorn's cycle, with less to do per call: it says at once when a client
leaves, gives a body that is here without waiting, and writes head and body of an answer together. A
head is checked once as a whole, not header by header.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from typing import Self

from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from prismd.kernel.outbox import Outbox

_DEFERRED_BYTES = 64 * 1024
"""A whole answer up to here leaves with the others of its turn of the loop."""
_BODYLESS = frozenset({204, 304})
_STATUS_LINES = {status: line.rstrip() for status, line in STATUS_LINE.items()}
_line = b": ".join
_CLOSE = (b"connection", b"close")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = logging.getLogger("prism.front")


class _Done:
    """An awaitable that is done: most parts of an answer are written without a wait."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class Exchange:
    """One request; it is in its scope under ``exchange``."""

    __slots__ = (
        "_expected_bytes",
        "_has_news",
        "_head",
        "_is_chunked",
        "_is_continue_expected",
        "_outbox",
        "_waiter",
        "body",
        "disconnected",
        "flow",
        "keep_alive",
        "more_body",
        "on_known",
        "on_leave",
        "on_response",
        "response_complete",
        "response_started",
        "scope",
        "transport",
    )

    def __init__(
        self,
        scope: Scope,
        transport: asyncio.Transport,
        flow: FlowControl,
        outbox: Outbox,
        on_response: Callable[[], None],
        *,
        keep_alive: bool,
        is_continue_expected: bool,
    ) -> None:
        """Begin a request whose head is complete; ``on_response`` is called after its answer."""
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self._outbox = outbox
        self.on_response = on_response
        self.on_leave: Callable[[], None] | None = None
        """Called once if the client leaves before it has its whole answer."""
        self.on_known: Callable[[], None] | None = None
        """To be called when the request has shown a valid key; None once its connection has."""
        self.disconnected = False
        self.body = b""
        """What has come of the body and nobody has taken yet."""
        self.more_body = True
        self.keep_alive = keep_alive
        self.response_started = self.response_complete = False
        self._is_continue_expected = is_continue_expected
        self._expected_bytes: int | None = None
        """What the body of the answer must still bring; None where it needs no count."""
        self._is_chunked = False
        self._head = b""
        """The head of the answer, until it leaves together with the first bytes of the body."""
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None

    # The connection's side

    def add_body(self, body: bytes) -> None:
        """Take a piece of the body from the connection."""
        self.body = self.body + body if self.body else body
        if self._waiter is None:
            self._has_news = True
        else:
            self.set()

    def end_body(self) -> None:
        """Note that the body is complete."""
        self.more_body = False
        self.set()

    def leave(self) -> None:
        """Note that the connection is gone."""
        if self.on_leave is not None and not self.response_complete:
            self.on_leave()

    @property
    def message_event(self) -> Self:
        """What uvicorn sets when the connection is lost."""
        return self

    def set(self) -> None:
        """Wake whoever waits in ``receive``."""
        self._has_news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The application's side

    def take_body(self) -> bytes | None:
        """Return the whole body if all of it is here and nobody has taken any; else None."""
        if self.more_body or self.disconnected:
            return None
        body, self.body = self.body, b""
        self._has_news = False
        return body

    async def run_asgi(self, app: ASGIApp) -> None:
        """Run the app; an answer that it does not end (it has said why) ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("a request failed outside its gate")
            if not self.response_started:
                await self._answer_500()
        finally:
            if self.response_started and not self.response_complete:
                self.disconnected = True
                self._outbox.flush()
                self.transport.close()
                self.on_response()
            self.on_response = _nothing
            self.on_leave = self.on_known = None
            # They refer to each other: what only a full collection can free costs 15 ms at a time.
            del self.scope["exchange"]

    async def receive(self) -> Message:
        """Wait for more of the body, or for the end of the connection or of the answer."""
        if self._is_continue_expected and not self.transport.is_closing():
            self._outbox.flush()
            self.transport.write(_CONTINUE)
            self._is_continue_expected = False
        if not (self.disconnected or self.response_complete):
            self.flow.resume_reading()
            if not self._has_news:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def send(self, message: Message) -> Awaitable[None]:
        """Take a part of the answer; to be awaited, while the client does not receive."""
        if self.disconnected:
            return _DONE
        if not self.response_started:
            self._start(message["status"], message["headers"])
            return _DONE
        if self.flow.write_paused:
            return self._send_later(message)
        if self.response_complete:
            return _DONE
        return self._write(message.get("body", b""), is_last=not message.get("more_body", False))

    async def _send_later(self, message: Message) -> None:
        await self.flow.drain()
        await self.send(message)

    async def _answer_500(self) -> None:
        text = b"Internal Server Error"
        length = (b"content-length", b"%d" % len(text))
        headers = [(b"content-type", b"text/plain; charset=utf-8"), length, _CLOSE]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": text})

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        by_name = dict(headers)
        lines = [_STATUS_LINES[status], *map(_line, headers)]
        # The body of an answer to HEAD does not leave; in HTTP/1.0 the connection's end is its own.
        is_measured = self.scope["method"] != "HEAD" and self.scope["http_version"] != "1.0"
        if (length := by_name.get(b"content-length")) is not None:
            if is_measured:
                self._expected_bytes = int(length)
        elif is_measured and status not in _BODYLESS:
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked")
        if by_name.get(b"connection") == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close")
        head, ends = b"\r\n".join(lines), len(lines) - 1
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            msg = "a header of an answer holds a line break"
            raise RuntimeError(msg)
        self.response_started = True
        self._is_continue_expected = False
        self._head = head + b"\r\n\r\n"

    def _write(self, body: bytes, *, is_last: bool) -> Awaitable[None]:
        body = self._framed(body, is_last=is_last)
        is_whole = is_last and self._head != b""
        if self._head:
            body, self._head = self._head + body, b""
        if is_whole and self.keep_alive and len(body) <= _DEFERRED_BYTES:
            self._outbox.write(self.transport, body)
        elif body:
            self._outbox.flush()
            self.transport.write(body)
        if is_last:
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
        elif self.flow.write_paused:
            return self.flow.drain()  # before the next part is made, not with it in memory
        return _DONE

    def _framed(self, body: bytes, *, is_last: bool) -> bytes:
        """Return a part of the body as it is written; raises RuntimeError for a wrong length."""
        if self._expected_bytes is not None:
            left = self._expected_bytes = self._expected_bytes - len(body)
            if left < 0 or (is_last and left):
                msg = "an answer is not as long as its Content-Length"
                raise RuntimeError(msg)
            return body
        if self._is_chunked:
            end = b"0\r\n\r\n" if is_last else b""
            return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        return b"" if self.scope["method"] == "HEAD" else body


def _nothing() -> None:
    """Take the place of a callback whose time is over."""
