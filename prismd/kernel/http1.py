"""One HTTP/1.1 connection as a client: bytes in, one answer at a time out.

Invariant: never more than one outstanding request, and a connection is free again only when an
answer was parsed to its end and nothing came behind it. Whatever else happens closes the socket, so
that no byte of one answer can reach the next call.

It is an asyncio protocol and its own parser callback, without streams or tasks: an answer that
arrives in one piece wakes its caller exactly once.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools

from prismd.kernel.outbound_error import OutboundBroken, OutboundError, OutboundTimeout

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that ``Answer.read`` gathers."""
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
KEEP_IDLE_S = 30.0

_MAX_UNREAD_BYTES = 256 * 1024
"""More than this that nobody has taken yet pauses the reading."""
_MAX_FRAMING_BYTES = 2 * MAX_HEAD_BYTES
"""What may come without completing a head or bringing a byte of a body: it stays in memory."""
_ONE_WRITE_BYTES = 64 * 1024
"""Up to here head and body are joined; a larger body is not copied."""
_KEEP_ALIVE_TIMEOUT = re.compile(r"timeout\s*=\s*(\d{1,6})")
_NOT_HTTP = "the connection was closed too early, or it is not HTTP"
_BROKE = "the connection broke"


class Answer:
    """An answer on its way. ``aclose`` must be called, in every case."""

    __slots__ = (
        "_connection",
        "_error",
        "_is_gathered",
        "_parts",
        "_timeout_s",
        "_unread_bytes",
        "_waiter",
        "has_begun",
        "headers",
        "is_complete",
        "status",
    )

    def __init__(self, connection: "Connection", timeout_s: float) -> None:
        self.status = 0
        """0 until the head is here."""
        self.headers: dict[str, str] = {}
        """Lower-case names; a repeated header is joined with commas."""
        self.has_begun = False
        """Whether any byte has come."""
        self.is_complete = False
        self._connection = connection
        self._timeout_s = timeout_s
        self._parts: list[bytes] = []
        self._unread_bytes = 0
        self._is_gathered = False
        self._error: OutboundError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Wait for the head; raises OutboundError."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()
        self._connection.set_deadline(self, None)

    async def read(self) -> bytes:
        """Return the whole body, at once if it is all here.

        Raises:
            OutboundError: broken, too large, or not complete in time.
        """
        if not self.is_complete:
            self._is_gathered = True
            self._check_size()
            self._connection.set_deadline(self, self._timeout_s)
            self._connection.resume()
            while not self.is_complete:
                if self._error is not None:
                    raise self._error
                await self._wait()
        return self._take()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; how long a silence may be is for the caller to say.

        Raises:
            OutboundError: broken, after all that came before has been given.
        """
        while True:
            if self._parts:
                part = self._take()
                self._connection.resume_for(self)
                yield part
            elif self.is_complete:
                return
            elif self._error is not None:
                raise self._error
            else:
                await self._wait()

    async def aclose(self) -> None:
        """Cut the connection if the answer has not come to its end; it is closed afterwards."""
        if not self.is_complete:
            self.cut()
            await asyncio.sleep(0)  # the loop closes the socket in its next turn

    def cut(self) -> None:
        """Give up an answer that is not complete: its socket is closed, never used again."""
        if not self.is_complete:
            self._connection.cut(self)

    def add(self, part: bytes) -> bool:
        """Take a part of the body; return whether too much lies here unread."""
        self._parts.append(part)
        self._unread_bytes += len(part)
        if self._is_gathered:
            self._check_size()
            return False
        return self._unread_bytes > _MAX_UNREAD_BYTES

    def fail(self, error: OutboundError) -> None:
        """End an answer that will not come; the first reason counts."""
        if not self.is_complete and self._error is None:
            self._error = error
            self.wake()

    def time_is_over(self) -> None:
        """End an answer whose phase took too long."""
        what = "the body was not complete" if self.status else "no answer"
        self.fail(OutboundTimeout(f"{what} within {self._timeout_s:g} s"))

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def progressed(self) -> None:
        """Wake the waiting caller if what it waits for is here."""
        if self.is_complete or not self._is_gathered:
            self.wake()

    def _take(self) -> bytes:
        parts, self._parts, self._unread_bytes = self._parts, [], 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check_size(self) -> None:
        if self._unread_bytes > MAX_BODY_BYTES:
            self.fail(OutboundBroken(f"the body is larger than {MAX_BODY_BYTES} bytes"))
            self.cut()

    async def _wait(self) -> None:
        self._waiter = waiter = self._connection.loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            await self.aclose()
            raise
        except BaseException:
            self.cut()
            raise
        finally:
            self._waiter = None


class Connection(asyncio.Protocol):
    """One socket. ``on_free`` is told when it can take the next call, ``on_lost`` when it ended."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        on_free: "Callable[[Connection], None]",
        on_lost: "Callable[[Connection], None]",
    ) -> None:
        self.loop = loop
        self.calls = 0
        """How many requests it has carried."""
        self.idle_until_s = 0.0
        """On the loop's clock: from then on it must not be used again."""
        self.is_closed = False
        self._on_free = on_free
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._deadline_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begin_message(is_head=False)
        self._is_paused = False

    def _begin_message(self, *, is_head: bool) -> None:
        self._is_head_request = is_head
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._header_bytes = 0
        self._framing_bytes = 0
        self._is_reusable = False
        self._ends_with_socket = False
        self._has_surplus = False
        self._fault: str | None = None

    # The caller's side

    def send(self, head: bytes, body: bytes, *, timeout_s: float, is_head: bool = False) -> Answer:
        """Write a request and return its answer, whose head must come within ``timeout_s``."""
        assert self._transport is not None  # noqa: S101  # only connected ones are handed out
        assert self._answer is None  # noqa: S101  # never two on one connection
        self.calls += 1
        self._begin_message(is_head=is_head)
        self._answer = answer = Answer(self, timeout_s)
        self.set_deadline(answer, timeout_s)
        if len(body) <= _ONE_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return answer

    def set_deadline(self, answer: Answer, after_s: float | None) -> None:
        """Cut ``answer`` if it makes no end of its phase within ``after_s``; None: no limit.

        The timer is left running and looks at the deadline when it fires: calls that end in time
        never touch the loop's heap.
        """
        if self._answer is not answer:
            return
        if after_s is None:
            self._deadline_s = None
            return
        self._deadline_s = at_s = self.loop.time() + after_s
        if self._timer is not None:
            if self._timer.when() <= at_s:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(at_s, self._look_at_deadline)

    def _look_at_deadline(self) -> None:
        self._timer = None
        answer, at_s = self._answer, self._deadline_s
        if answer is None or at_s is None:
            return
        if self.loop.time() < at_s:
            self._timer = self.loop.call_at(at_s, self._look_at_deadline)
            return
        answer.time_is_over()
        self.abort()

    def cut(self, answer: Answer) -> None:
        """Close the socket if it still carries ``answer``."""
        if self._answer is answer:
            self.abort()

    def resume_for(self, answer: Answer) -> None:
        """Read on if the socket still carries ``answer``."""
        if self._answer is answer:
            self.resume()

    def resume(self) -> None:
        """Read on after a pause."""
        if self._is_paused and self._transport is not None and not self.is_closed:
            self._is_paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket now, without sending what is still to be sent."""
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    # The socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by the loop."""
        # TCP and TLS give one in fact; uvloop's own classes do not inherit from it.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse; called by the loop."""
        answer = self._answer
        if answer is None:  # nobody has asked
            self.abort()
            return
        answer.has_begun = True
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(answer, self._fault or _NOT_HTTP)
            return
        if answer.is_complete:
            self._finish(answer)
        elif self._framing_bytes > _MAX_FRAMING_BYTES:
            self._break(answer, _too_large())
        elif answer.status:
            answer.progressed()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by the loop, exactly once."""
        self.is_closed = True
        answer, self._answer = self._answer, None
        if answer is not None:
            if exc is None and answer.status and self._ends_with_socket:
                answer.is_complete = True
                answer.wake()
            else:
                answer.fail(OutboundBroken(_NOT_HTTP if exc is None else _BROKE))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        self._on_lost(self)

    def _break(self, answer: Answer, why: str) -> None:
        """Close the socket; an answer that was complete before the fault stays a good one."""
        self._is_reusable = False
        if answer.is_complete:
            self._finish(answer)
        else:
            answer.fail(OutboundBroken(why))
            self.abort()

    def _finish(self, answer: Answer) -> None:
        self._answer = None
        self._deadline_s = None
        assert self._transport is not None  # noqa: S101  # bytes have just come over it
        keep_s = _keep_s(answer.headers.get("keep-alive"))
        if (
            not self._is_reusable
            or self._has_surplus
            or self.is_closed
            or keep_s <= 0
            or self._transport.get_write_buffer_size()
        ):
            self.abort()
        else:
            if "transfer-encoding" in answer.headers:
                # A trailer that the parser still holds must not become the next answer's header.
                self._parser = httptools.HttpResponseParser(self)
            self.resume()
            self.idle_until_s = self.loop.time() + keep_s
            self._on_free(self)
        answer.wake()

    # The parser's side

    def on_message_begin(self) -> None:
        """Note bytes behind the end of an answer; called by the parser."""
        if self._answer is None or self._answer.is_complete:
            self._has_surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; called by the parser. A trailer is dropped."""
        self._header_count += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_count > MAX_HEADERS or self._header_bytes > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        if self._answer is None or self._answer.status:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """Take the head, or skip a provisional one; called by the parser."""
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or answer.is_complete:
            self._refuse(_NOT_HTTP)
            return
        if status < 200:  # noqa: PLR2004
            if status < 100:  # noqa: PLR2004
                self._refuse(_NOT_HTTP)
            self._headers = {}
            self._header_count += 1  # a head without headers counts too: they end some time
            if self._header_count > MAX_HEADERS:
                self._refuse(_too_large())
            return
        headers = self._headers
        if (encoding := headers.get("content-encoding")) is not None:
            encoding = encoding.strip().lower()
            if encoding != "identity":
                self._refuse(
                    f"the answer is compressed ({encoding[:20]}), although that was not asked for"
                )
        transfer = headers.get("transfer-encoding")
        if transfer is not None and transfer.strip().lower() != "chunked":
            self._refuse("the answer has a transfer encoding that was not asked for")
        self._ends_with_socket = transfer is None and "content-length" not in headers
        self._is_reusable = self._parser.should_keep_alive() and not self._is_head_request
        self._framing_bytes = 0
        answer.headers = headers
        answer.status = status
        if self._is_head_request:
            answer.is_complete = True

    def on_body(self, part: bytes) -> None:
        """Take a part of the body; called by the parser."""
        self._framing_bytes = 0
        answer = self._answer
        if answer is None or answer.is_complete:
            return
        if answer.add(part) and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note the end of the answer; called by the parser."""
        if self._answer is not None and self._answer.status:
            self._answer.is_complete = True

    def _refuse(self, why: str) -> None:
        if self._fault is None:
            self._fault = why
        raise OutboundBroken(why)


def _too_large() -> str:
    return f"the head has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes"


def _keep_s(keep_alive: str | None) -> float:
    """Return how long an idle connection is kept: shorter than the peer says that it keeps it."""
    if keep_alive is not None and (said := _KEEP_ALIVE_TIMEOUT.search(keep_alive.lower())):
        return min(KEEP_IDLE_S, int(said[1]) - 1.0)
    return KEEP_IDLE_S
