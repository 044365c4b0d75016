"""One HTTP/1.1 connection as a client: bytes in, one answer at a time out.

Invariant: never more than one outstanding request, and a connection is free again only when an
answer was parsed to its end and nothing came behind it. Whatever else happens closes the socket, so
that no byte of one answer can reach the next call.

It is an asyncio protocol and its own parser callback, without streams or tasks: an answer that
arrives in one piece wakes its caller exactly once. What a caller does with an answer is in
``http1_answer``, what header lines say in ``http1_head``.
"""

import asyncio
import math
from typing import NoReturn, Protocol, cast

import httptools

from prismd.kernel.http1_answer import Answer
from prismd.kernel.http1_head import (
    MAX_BYTES,
    MAX_HEADERS,
    TOO_LARGE,
    Framing,
    Headers,
    Lines,
    framing_of,
    size_bytes,
)
from prismd.kernel.outbound_error import OutboundBroken
from prismd.kernel.outbox import outbox_of

_MAX_FRAMING_BYTES = 2 * MAX_BYTES
"""What may come without completing a head or bringing a byte of a body: it stays in memory."""
_ONE_WRITE_BYTES = 64 * 1024
"""Up to here head and body are joined; a larger body is not copied."""
_NOT_HTTP = "the connection was closed too early, or it is not HTTP"
_BROKE = "the connection broke"


class Owner(Protocol):
    """Who uses a connection again."""

    def freed(self, connection: "Connection") -> None:
        """Take back a connection that can carry the next call."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        ...


class Connection(asyncio.Protocol):
    """One socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self.loop = loop
        self.calls = 0
        """How many requests it has carried."""
        self.idle_until_s = 0.0
        """On the loop's clock: from then on it must not be used again."""
        self.is_closed = False
        self._owner = owner
        self._outbox = outbox_of(loop)
        self._leaves_at = 0
        """What the outbox has to have flushed for the request to be out."""
        self._transport: asyncio.Transport | None = None
        self._body: list[bytes] = []
        self.on_body = self._body.append
        """Take a part of the body; called by the parser, without a step of ours for each part."""
        self._parser = httptools.HttpResponseParser(self)
        self._is_paused = False
        self._deadline_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = math.inf
        # Of the answer that is on its way. What only a connection that ends ever changes is never
        # set back.
        self._answer: Answer | None = None
        self._is_head_request = False
        self._lines: Lines = []
        self._framing_bytes = 0
        self._framing = Framing()
        self._is_reusable = False
        self._has_surplus = False
        self._fault: str | None = None

    # The caller's side

    def send(
        self,
        head: bytes,
        body: bytes,
        *,
        timeout_s: float,
        deadline_s: float,
        is_head: bool = False,
    ) -> Answer:
        """Write a request and return its answer.

        Args:
            head: The request's head, complete.
            body: The request's body.
            timeout_s: What a message says, and how long a body that is read whole may take.
            deadline_s: On the loop's clock: the answer is cut if its head is not here by then.
            is_head: Whether the method is HEAD.
        """
        transport = self._transport
        assert transport is not None  # noqa: S101  # only connected ones are handed out
        assert self._answer is None  # noqa: S101  # never two on one connection
        self.calls += 1
        self._is_head_request = is_head
        self._answer = answer = Answer(self, timeout_s)
        self._deadline_s = deadline_s
        if deadline_s < self._timer_at_s:
            self._set_timer(deadline_s)
        if len(body) <= _ONE_WRITE_BYTES:
            self._leaves_at = self._outbox.write(transport, head + body)
        else:
            transport.writelines((head, body))
        return answer

    def limit(self, answer: Answer, deadline_s: float) -> None:
        """Cut the answer, if it is still carried, when it is not complete at ``deadline_s``."""
        if self._answer is answer:
            self._deadline_s = deadline_s
            if deadline_s < self._timer_at_s:
                self._set_timer(deadline_s)

    def cut(self, answer: Answer) -> None:
        """Close the socket if it still carries ``answer``."""
        if self._answer is answer:
            self.abort()

    def resume(self, answer: Answer) -> None:
        """Read on if the socket still carries ``answer``."""
        if self._is_paused and self._answer is answer:
            self._resume()

    def abort(self) -> None:
        """Close the socket now, without sending what is still to be sent."""
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    # The clock's side: one timer that is left running and looks at the deadline when it fires, so
    # that calls that end in time never touch the loop's heap.

    def _set_timer(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at_s, self._look_at_deadline)
        self._timer_at_s = at_s

    def _look_at_deadline(self) -> None:
        self._timer, self._timer_at_s = None, math.inf
        if self._answer is None or self._deadline_s == math.inf:
            return
        if self.loop.time() < self._deadline_s:
            self._set_timer(self._deadline_s)
        else:
            self._answer.time_is_over()
            self.abort()

    # The socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by the loop."""
        # TCP and TLS give one in fact; uvloop's own classes do not inherit from it.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse; called by the loop."""
        answer = self._answer
        if answer is None or self._outbox.flushed < self._leaves_at:  # nobody has asked yet
            self.abort()
            return
        answer.has_begun = True
        self._framing_bytes += len(data)
        fault: str | None = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_reusable = False
            fault = self._fault or _NOT_HTTP
        if self._body:
            self._give_body(answer)
        if answer.is_complete:  # also before a fault behind its end
            self._finish(answer)
        elif fault is not None:
            self._break(answer, fault)
        elif self._framing_bytes > _MAX_FRAMING_BYTES:
            self._break(answer, TOO_LARGE)
        elif answer.status:
            answer.progressed()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by the loop, exactly once."""
        self.is_closed = True
        answer, self._answer = self._answer, None
        if answer is not None:
            framing = self._framing
            ends_with_socket = not framing.has_length and not framing.is_chunked
            if exc is None and answer.status and ends_with_socket:
                answer.is_complete = True
                answer.wake()
            else:
                answer.fail(OutboundBroken(_NOT_HTTP if exc is None else _BROKE))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        self._owner.lost(self)

    def _give_body(self, answer: Answer) -> None:
        """Hand over what one read of the socket has brought, and pause if nobody takes it."""
        part = b"".join(self._body)
        self._body.clear()
        if answer.status and not self._is_head_request:
            self._framing_bytes = 0
            if answer.add(part) and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()

    def _break(self, answer: Answer, why: str) -> None:
        answer.fail(OutboundBroken(why))
        self.abort()

    def _finish(self, answer: Answer) -> None:
        self._answer = None
        self._deadline_s = math.inf
        assert self._transport is not None  # noqa: S101  # bytes have just come over it
        if (
            not self._is_reusable
            or self._has_surplus
            or self.is_closed
            or self._framing.keep_idle_s <= 0
            or self._transport.get_write_buffer_size()
        ):
            self.abort()
        else:
            self._framing_bytes = 0
            if self._framing.is_chunked:
                # A trailer that the parser still holds must not become the next answer's header.
                self._parser = httptools.HttpResponseParser(self)
                self._lines = []
            if self._is_paused:
                self._resume()
            self.idle_until_s = self.loop.time() + self._framing.keep_idle_s
            self._owner.freed(self)
        answer.wake()

    def _resume(self) -> None:
        if self._transport is not None and not self.is_closed:
            self._is_paused = False
            self._transport.resume_reading()

    # The parser's side

    def on_message_begin(self) -> None:
        """Note bytes behind the end of an answer; called by the parser."""
        if self._answer is None or self._answer.is_complete:
            self._has_surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody will see; called by the parser."""
        if len(self._lines) >= MAX_HEADERS:
            self._refuse(TOO_LARGE)
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head, or skip a provisional one; called by the parser."""
        answer, status, lines = self._answer, self._parser.get_status_code(), self._lines
        self._lines = []
        if answer is None or answer.is_complete or status < 100:  # noqa: PLR2004
            self._refuse(_NOT_HTTP)
        if self._framing_bytes > MAX_BYTES and size_bytes(lines) > MAX_BYTES:
            self._refuse(TOO_LARGE)
        if status < 200:  # noqa: PLR2004
            return
        framing = framing_of(lines)
        if framing.refusal is not None:
            self._refuse(framing.refusal)
        self._framing = framing
        self._is_reusable = self._parser.should_keep_alive() and not self._is_head_request
        self._framing_bytes = 0
        self._deadline_s = math.inf
        answer.headers = Headers(lines)
        answer.status = status
        if self._is_head_request:
            answer.is_complete = True

    def on_message_complete(self) -> None:
        """Note the end of the answer; called by the parser."""
        if self._answer is not None and self._answer.status:
            self._answer.is_complete = True

    def _refuse(self, why: str) -> NoReturn:
        if self._fault is None:
            self._fault = why
        raise OutboundBroken(why)
