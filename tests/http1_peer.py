"""The client's connection without a socket, and answers that it must take or refuse."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from prismd.kernel.http1 import Connection
from prismd.kernel.outbound_error import OutboundError


class Seen(NamedTuple):
    """What a caller has got."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_complete: bool
    error: str | None


class Wire(asyncio.Transport):
    """A transport that only notes what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def write(self, data: object) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        self.is_aborted = True


class Loop:
    """As much of a loop as a connection without a caller needs."""

    def time(self) -> float:
        return 0.0

    def call_at(self, when: float, callback: object) -> asyncio.TimerHandle:
        loop = cast("asyncio.AbstractEventLoop", self)
        return asyncio.TimerHandle(when, lambda: None, (), loop, None)

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: object) -> None: ...


class BusyLoop(Loop):
    """One whose turn does not end."""

    def call_soon(self, callback: Callable[[], None]) -> None: ...


class Owner:
    """Notes what its connection says."""

    def __init__(self) -> None:
        self.is_given_back = False

    def freed(self, _: Connection) -> None:
        self.is_given_back = True

    def lost(self, _: Connection) -> None: ...


class Peer:
    """One connection and who is at its other end."""

    def __init__(self) -> None:
        self._wire = Wire()
        self._owner = Owner()
        self._connection = Connection(cast("asyncio.AbstractEventLoop", Loop()), self._owner)
        self._connection.connection_made(self._wire)

    @property
    def is_kept(self) -> bool:
        """Whether the next call would come over this connection."""
        return self._owner.is_given_back and not self._wire.is_aborted

    def answer(self, *pieces: bytes, is_head: bool = False) -> Seen:
        """Take a request and answer it; the connection ends if the answer is not complete."""
        self._owner.is_given_back = False
        answer = self._connection.send(b"", b"", timeout_s=1, deadline_s=1, is_head=is_head)
        for piece in pieces:
            if piece and not self._wire.is_aborted:
                self._connection.data_received(piece)
        if not self.is_kept:
            self._connection.connection_lost(None)
        error = None if answer.error is None else str(answer.error)
        assert answer.error is None or isinstance(answer.error, OutboundError)
        assert answer.is_complete or error
        return Seen(answer.status, dict(answer.headers), answer.take(), answer.is_complete, error)


GOOD = {
    "length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello",
        b"hello",
        True,
    ),
    "chunked": (
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n"
            b"0\r\nX-Trailer: t\r\n\r\n"
        ),
        b"hello",
        True,
    ),
    "to the close": (b"HTTP/1.1 200 OK\r\nx: y\r\n\r\nhello", b"hello", False),
    "provisional": (
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: z\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ),
        b"ok",
        True,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", b"", True),
    "closing": (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"ok",
        False,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok", False),
    "short keep-alive": (
        b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok",
        b"ok",
        False,
    ),
    "more than asked": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        b"ok",
        False,
    ),
}
BAD = {
    "compressed": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
    "gzip transfer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "both framings": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "cut body": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "cut chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    "no status": b"HTTP/1.1 099 X\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
}
