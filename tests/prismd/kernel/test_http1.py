"""The client's connection without a socket: the same answer however its bytes are cut."""

import asyncio
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismd.kernel.http1 import Connection
from prismd.kernel.http1_answer import Answer
from prismd.kernel.outbound_error import OutboundError

Seen = tuple[int, dict[str, str], bytes, bool, str | None, bool]


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

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: object) -> None: ...


def receive(*pieces: bytes, is_head: bool = False) -> Seen:
    """Return status, headers, body, whether complete, the error, whether it is used again."""
    free: list[Connection] = []
    loop = cast("asyncio.AbstractEventLoop", Loop())
    connection = Connection(loop, on_free=free.append, on_lost=lambda _: None)
    wire = Wire()
    connection.connection_made(wire)
    answer: Answer = connection.send(b"", b"", timeout_s=1, deadline_s=1, is_head=is_head)
    for piece in pieces:
        if piece and not wire.is_aborted:
            connection.data_received(piece)
    is_reused = bool(free) and not wire.is_aborted
    connection.connection_lost(None)
    error = None if answer.error is None else str(answer.error)
    assert answer.error is None or isinstance(answer.error, OutboundError)
    assert answer.is_complete or error
    return answer.status, dict(answer.headers), answer.take(), answer.is_complete, error, is_reused


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
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_an_answer_is_the_same_at_every_split(name: str) -> None:
    raw, body, is_reused = GOOD[name]
    whole = receive(raw)
    assert (whole[2:], whole[0] >= 200) == ((body, True, None, is_reused), True)
    assert "x-trailer" not in whole[1]
    for at in range(1, len(raw)):
        assert receive(raw[:at], raw[at:]) == whole
    assert receive(*(raw[at : at + 1] for at in range(len(raw)))) == whole


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_an_error_at_every_split(name: str) -> None:
    raw = BAD[name]
    for at in range(len(raw)):
        seen = receive(raw[:at], raw[at:])
        assert seen[4] is not None
        assert not seen[5]


def test_a_head_request_has_no_body() -> None:
    seen = receive(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", is_head=True)
    assert (seen[0], seen[2], seen[3]) == (200, b"", True)


@pytest.mark.parametrize(
    "headers",
    [b"a: b\r\n" * 201, b"a: " + b"x" * 70_000 + b"\r\n", b"a: " + b"x" * 300_000],
)
def test_a_head_over_the_limits_is_refused(headers: bytes) -> None:
    seen = receive(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n")
    assert "200 headers or 65536 bytes" in str(seen[4])


def test_repeated_headers_are_joined() -> None:
    assert receive(GOOD["length"][0])[1]["x-a"] == "1, 2"


PIECES = [b"HTTP/1.1 200 OK\r\n", b"\r\n", b"transfer-encoding: chunked\r\n", b"0\r\n"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([raw for raw, _, _ in GOOD.values()]),
            st.sampled_from(PIECES),
        ),
        max_size=8,
    )
)
def test_garbage_is_an_answer_or_our_own_error(pieces: list[bytes]) -> None:
    receive(*pieces)
