"""The client's connection without a socket: the same answer however its bytes are cut."""

import asyncio
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prismd.kernel.http1 import Connection
from prismd.kernel.outbound_error import OutboundBroken
from prismd.kernel.outbox import outbox_of
from tests.fuzz.http1 import SEEDS, check
from tests.http1_peer import BAD, GOOD, BusyLoop, Owner, Peer, Seen, Wire


def receive(*pieces: bytes, is_head: bool = False) -> tuple[Seen, bool]:
    """Return what the caller gets, and whether the connection is used again."""
    peer = Peer()
    return peer.answer(*pieces, is_head=is_head), peer.is_kept


@pytest.mark.parametrize("name", GOOD)
def test_an_answer_is_the_same_at_every_split(name: str) -> None:
    raw, body, is_reused = GOOD[name]
    whole = receive(raw)
    seen, is_kept = whole
    assert (seen.body, seen.is_complete, seen.error, is_kept) == (body, True, None, is_reused)
    assert seen.status >= 200
    assert "x-trailer" not in seen.headers
    for at in range(1, len(raw)):
        assert receive(raw[:at], raw[at:]) == whole
    assert receive(*(raw[at : at + 1] for at in range(len(raw)))) == whole


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_an_error_at_every_split(name: str) -> None:
    raw = BAD[name]
    for at in range(len(raw)):
        seen, is_kept = receive(raw[:at], raw[at:])
        assert seen.error is not None
        assert not is_kept


def test_a_head_request_has_no_body() -> None:
    seen, _ = receive(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", is_head=True)
    assert (seen.status, seen.body, seen.is_complete) == (200, b"", True)


@pytest.mark.parametrize(
    "headers",
    [b"a: b\r\n" * 201, b"a: " + b"x" * 70_000 + b"\r\n", b"a: " + b"x" * 300_000],
)
def test_a_head_over_the_limits_is_refused(headers: bytes) -> None:
    seen, _ = receive(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n")
    assert "200 headers or 65536 bytes" in str(seen.error)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "provisional heads": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a header": (b"HTTP/1.1 200 OK\r\na: ", b"x" * 99),
    "a chunk's extension": (CHUNKED + b"5;", b"x" * 99),
    "a trailer": (CHUNKED + b"0\r\na: ", b"x" * 99),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_brings_a_byte_of_a_body_is_cut(kind: str) -> None:
    begin, more = ENDLESS[kind]
    seen, is_kept = receive(begin, *[more] * 8_000)
    assert "200 headers or 65536 bytes" in str(seen.error)
    assert not is_kept


def test_the_limits_count_for_each_answer_anew() -> None:
    peer = Peer()
    trailer = b"0\r\na: " + b"x" * 100_000
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\na: " + b"x" * 60_000
    assert peer.answer(CHUNKED, trailer, b"\r\n\r\n").is_complete
    assert peer.is_kept
    assert peer.answer(head, b"\r\n\r\n").error is None


def test_repeated_headers_are_joined() -> None:
    assert receive(GOOD["length"][0])[0].headers["x-a"] == "1, 2"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 63])
def test_every_known_answer_passes_what_is_fuzzed(seed: bytes, piece_bytes: int) -> None:
    for is_head in (0, 1):
        check(bytes([is_head, piece_bytes - 1]) + seed)


PARTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(SEEDS),
    st.sampled_from(SEEDS).flatmap(lambda raw: st.integers(0, len(raw)).map(lambda at: raw[:at])),
    st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n", b"transfer-encoding: chunked\r\n", b"0\r\n"]),
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1), st.integers(0, 63), st.lists(PARTS, max_size=6))
@example(0, 63, [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n"])
def test_garbage_is_an_answer_or_our_own_error(
    is_head: int, piece_bytes: int, parts: list[bytes]
) -> None:
    check(bytes([is_head, piece_bytes]) + b"".join(parts))


def test_an_answer_that_is_there_before_its_request_has_left_is_nobodys() -> None:
    """A vendor that ends an idle connection may say so (408): that answers no request of ours."""
    loop, wire, owner = BusyLoop(), Wire(), Owner()
    connection = Connection(cast("asyncio.AbstractEventLoop", loop), owner)
    connection.connection_made(wire)
    outbox_of(connection.loop).write(Wire(), b"the first write of this turn")
    answer = connection.send(b"GET / HTTP/1.1\r\n\r\n", b"", timeout_s=9.0, deadline_s=9.0)
    connection.data_received(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    assert wire.is_aborted
    connection.connection_lost(None)
    assert isinstance(answer.error, OutboundBroken)
    assert not answer.has_begun, "so it is asked again, on another connection"
    assert not owner.is_given_back
