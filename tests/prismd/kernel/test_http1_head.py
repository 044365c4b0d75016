"""Header lines: decoded as they came, judged by what they say about the body."""

import pytest

from prismd.kernel.http1_head import KEEP_IDLE_S, Headers, framing_of


def test_names_are_lower_case_and_repeated_headers_are_joined_in_order() -> None:
    headers = Headers([(b"X-B", b"1"), (b"x-a", b"\xe9 "), (b"x-b", b"2")])
    assert dict(headers) == {"x-b": "1, 2", "x-a": "é"}
    assert (len(headers), headers.get("X-B"), headers.get("nothing", "")) == (2, None, "")


@pytest.mark.parametrize(
    ("keep_alive", "kept_s"),
    [
        (b"timeout=5, max=100", 4),
        (b"max=3, Timeout = 7", 6),
        (b"timeout=600", KEEP_IDLE_S),
        (b"timeout=1", 0),
        (b"max=3", KEEP_IDLE_S),
    ],
)
def test_a_connection_is_kept_for_less_than_the_peer_keeps_it(
    keep_alive: bytes, kept_s: float
) -> None:
    assert framing_of([(b"Keep-Alive", keep_alive)]).keep_idle_s == kept_s


def test_the_framing_is_the_same_whatever_stands_beside_it() -> None:
    length, other = (b"Content-Length", b"5"), (b"content-places", b"gzip")
    assert framing_of([length]) == framing_of([other, length]) == framing_of([length, length])
    assert framing_of([other]).has_length is False
    assert framing_of([(b"Transfer-Encoding", b"Chunked")]).is_chunked


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ((b"Content-Encoding", b"br"), "compressed (br)"),
        ((b"transfer-encoding", b"gzip, chunked"), "transfer encoding"),
        ((b"content-encoding", b"Identity"), None),
    ],
)
def test_a_body_that_was_not_asked_for_is_refused(
    line: tuple[bytes, bytes], why: str | None
) -> None:
    refusal = framing_of([line, (b"content-length", b"1")]).refusal
    assert refusal is None if why is None else why in str(refusal)
