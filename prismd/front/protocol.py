"""uvicorn's httptools protocol with limits on both sides, and our answer to what it refuses.

A head is cut when it is too large, has too many headers, or does not come in time: a connection
that sends nothing, or a header a minute, is not held. Nor is one whose client takes no answer. A
connection counts as a stranger's until a request on it has shown a valid key (``front/door``).
What may follow a chunked body (trailers) is never part of the request that was checked.
"""

import asyncio
import math
from collections import deque
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

import httptools
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from prismd.dialects.spoken import dialect_of
from prismd.front import refusals
from prismd.front.door import Door
from prismd.front.exchange import Exchange
from prismd.front.refusals import MAX_HEAD_BYTES, MAX_HEADERS, MAX_REQUEST_LINE_BYTES
from prismd.kernel.errors import InvalidRequest, Overloaded, PrismError
from prismd.kernel.outbox import outbox_of
from prismd.wire.call import DialectName

MAX_PIPELINED = 16
"""Requests that may wait for an answer to one before them; the connection is closed after them."""
HEAD_TIMEOUT_S = 15.0
"""From the opening of a connection, or the first byte of a further request, to the blank line."""
KEEP_ALIVE_S = 75.0
"""How long a connection may be idle; clients keep theirs for less, so that they close first."""
FIRST_REQUEST_S = 1.0
"""How long a connection that was just opened is kept for its request when the daemon stops."""
LATE_BODY_S = 15.0
"""How long the rest of a body may come whose request was answered (refused) before its end."""
_SURE_BYTES = MAX_REQUEST_LINE_BYTES - 32
"""A target up to here is short enough with every method that the parser knows."""
_KNOWN_BYTES = 64
"""Targets up to here are remembered: a few are asked for again and again."""
_CALLS = (b"/v1/", b"/v1beta/")
_ASGI = {"version": "3.0", "spec_version": "2.3"}
MIN_WRITTEN_BYTES = 48 * 1024
"""What a client must receive within the slow reader timeout, or all that waits if it is less."""


class PrismHttpProtocol(HttpToolsProtocol):
    """The strictest of the Python parsers; what it refuses is answered like any other error."""

    cycle: Exchange | None  # type: ignore[assignment]  # ours in place of uvicorn's

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door,
    ) -> None:
        """Serve one connection; ``door`` is shared by all, the rest is uvicorn's."""
        super().__init__(config, server_state, app_state, _loop)
        self.url, self.headers = b"", []
        self._door = door
        self._outbox = outbox_of(self.loop)
        self._is_head_open = False
        self._is_progress = False
        self._idle_since_s = 0.0
        self._idle_bytes = 0
        """Bytes received since the last complete head, or the last piece of a body."""
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._refusal: PrismError | None = None
        self._is_stranger = False
        self._is_refused = False
        """Whether the request at hand has been refused, and only its body is still to come."""
        self._is_deaf = False
        """Set for good: what comes after is not looked at, and the connection ends."""
        self._pipelined: deque[Exchange] = deque()
        """Requests that wait until those before them have their answers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head, if there is a place."""
        super().connection_made(transport)
        try:
            self._door.let_in(self.client[0] if self.client else "")
        except Overloaded as refusal:
            self._refusal = refusal
            self.send_400_response("")
        else:
            self._is_stranger = True
            self._read_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_read_timer()
        self._stop_write_timer()
        self._unset_keepalive_if_required()
        self._on_known()
        super().connection_lost(exc)
        if self.cycle is not None:
            self.cycle.leave()

    def _on_known(self) -> None:
        if self._is_stranger:
            self._is_stranger = False
            self._door.forget_one()

    def _close(self) -> None:
        """Close when what is written has been taken, and do not wait for that for ever."""
        self._outbox.flush()
        self.transport.close()
        self._await_last_bytes()

    def _await_last_bytes(self) -> None:
        if self._write_timer is None and self.transport.get_write_buffer_size():
            self._await_reader()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse a head, a chunk's extension or trailers that grow and grow."""
        if self._is_deaf:
            return
        self._is_progress = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # served as if it had not been asked for
        except httptools.HttpParserError:
            self.send_400_response("")
        if self.transport.is_closing() or self._is_deaf:
            return
        self._idle_bytes = 0 if self._is_progress else self._idle_bytes + len(data)
        if self._idle_bytes > MAX_HEAD_BYTES:
            self._refusal = refusals.head_too_large()
            self.send_400_response("")
        elif self._read_timer is None and (self._is_head_open or self._is_refused):
            wait_s = HEAD_TIMEOUT_S if self._is_head_open else LATE_BODY_S
            self._read_timer = self.loop.call_later(wait_s, self._close)

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_head_open = True
        self.url = b""
        self.headers = []

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > _SURE_BYTES:
            line_bytes = len(self.parser.get_method()) + 1 + len(self.url)
            if line_bytes > MAX_REQUEST_LINE_BYTES:
                self._refusal = refusals.line_too_long()
                raise self._refusal  # the parser stops, and answers through send_400_response

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; after the head, a trailer, which nobody will see."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Let a request in whose head is within its limits."""
        self._is_head_open, self._is_progress = False, True
        self._stop_read_timer()
        headers = self.headers
        head_bytes = len(self.url) + len(b"".join(chain.from_iterable(headers)))
        if head_bytes > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
            self._refusal = refusals.head_too_large()
            raise self._refusal
        self.headers = []
        before, method = self.cycle, self.parser.get_method()
        if self._is_shed(method):
            self._is_refused = True
            self._outbox.flush()
            self.transport.write(refusals.too_many_calls(self._dialect()))
            return
        if len(self._pipelined) >= MAX_PIPELINED:
            msg = "Too many requests were sent ahead of their answers."
            raise InvalidRequest(msg)  # to the parser: nobody is told
        cycle = self.cycle = self._exchange(method, headers)
        if before is None or before.response_complete:
            self._start(cycle)
        else:
            self.flow.pause_reading()
            self._pipelined.append(cycle)

    def _start(self, cycle: Exchange) -> None:
        task = self.loop.create_task(cycle.run_asgi(self.app))
        self.tasks.add(task)  # uvicorn waits for them when it stops
        task.add_done_callback(self.tasks.discard)

    def _is_shed(self, method: bytes) -> bool:
        """Say whether a request is one of those that make up the load, and one too many.

        Then nothing is made for it, no task and no scope: what refusals cost is not there for those
        that are served. Behind a call that still runs it is served: answers have an order.
        """
        return (
            self.url.startswith(_CALLS)
            and (self.cycle is None or self.cycle.response_complete)
            and method == b"POST"
            and not self._door.load.lets_in()
        )

    def _exchange(self, method: bytes, headers: list[tuple[bytes, bytes]]) -> Exchange:
        path, raw_path, query = _target(self.url)
        version = self.parser.get_http_version()
        expect = dict(headers).get(b"expect")
        scope: Scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": method.decode("ascii"),
            "scheme": self.scheme,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": self.client,
            "server": self.server,
        }
        scope["exchange"] = exchange = Exchange(
            scope,
            self.transport,
            self.flow,
            self._outbox,
            self.on_response_complete,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            is_continue_expected=expect is not None and expect.lower() == b"100-continue",
        )
        if self._is_stranger:
            exchange.on_known = self._on_known
        return exchange

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._is_progress = True
        cycle = self.cycle
        if cycle is None or self._is_refused or cycle.response_complete:
            return
        cycle.add_body(body)
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Stop waiting: the whole request is here."""
        self._stop_read_timer()
        if not self._is_refused:
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                cycle.end_body()
            return
        self._is_refused = False
        if self.parser.should_keep_alive():
            self._become_idle()
        else:
            self._close()

    def on_response_complete(self) -> None:
        """Go on with the next request, once the rest of this one is here."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._await_last_bytes()
            return
        if self._pipelined:
            self._start(self._pipelined.popleft())
            if not self._pipelined:
                self.flow.resume_reading()
        else:
            self.flow.resume_reading()
            self._become_idle()
        done = self.cycle
        if done and done.response_complete and done.more_body and self._read_timer is None:
            self._read_timer = self.loop.call_later(LATE_BODY_S, self._close)

    def _become_idle(self) -> None:
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._await_request(self._idle_since_s)

    def _await_request(self, now_s: float) -> None:
        """Close the connection when it has been idle for long; one timer for all its requests."""
        left_s = self._idle_since_s + KEEP_ALIVE_S - now_s
        if left_s <= 0:
            self._close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self._look_if_idle)

    def _look_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self.cycle is None or (self.cycle.response_complete and not self._is_head_open):
            self._await_request(self.loop.time())

    def shutdown(self) -> None:
        """Close when what runs has ended; a connection that is new may make its first request."""
        self._outbox.flush()
        if self.cycle is not None:
            super().shutdown()
        elif not self.transport.is_closing():
            self.loop.call_later(FIRST_REQUEST_S, self._close_if_unused)

    def _close_if_unused(self) -> None:
        if self.cycle is None:
            self._close()

    def pause_writing(self) -> None:
        """Wait for the client to receive, and not for ever."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """Go on: the client has received."""
        self._stop_write_timer()
        super().resume_writing()
        if self.transport.is_closing():
            self._await_last_bytes()

    def _await_reader(self, before: float = math.inf) -> None:
        waiting = self.transport.get_write_buffer_size()
        if before - waiting < min(MIN_WRITTEN_BYTES, before):
            self.transport.abort()
        else:
            self._write_timer = self.loop.call_later(
                self._door.slow_reader_timeout_s, self._await_reader, waiting
            )

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's signature
        """Answer in the error shape, and close; requests that came before are answered first."""
        cycle = self.cycle
        is_running = cycle is not None and not cycle.response_complete
        if cycle and is_running and (self._pipelined or not cycle.more_body):
            self._is_deaf = True
            self._stop_read_timer()
            cycle.keep_alive = False
            return
        if not (cycle and (cycle.response_started if is_running else cycle.more_body)):
            error = self._refusal or refusals.no_http()
            self._outbox.flush()
            self.transport.write(refusals.answer(error, self._dialect()))
        self._close()

    def _dialect(self) -> DialectName:
        """Return the dialect of what has come of a request, which may be any bytes."""
        path = unquote(self.url.partition(b"?")[0].decode("latin-1"))
        method = self.parser.get_method().decode("latin-1") if self.url else ""
        return dialect_of(method, path, dict(self.headers))

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Return path, raw path and query of a request's target."""
    return _known_target(url) if len(url) <= _KNOWN_BYTES else _parsed_target(url)


def _parsed_target(url: bytes) -> tuple[str, bytes, bytes]:
    parts = httptools.parse_url(url)
    path = parts.path.decode("ascii")
    return unquote(path) if "%" in path else path, parts.path, parts.query or b""


_known_target = lru_cache(maxsize=256)(_parsed_target)
