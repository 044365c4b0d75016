from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismctl.client import sse
from prismctl.client.sse import Event, events

STREAM = (
    b': hello\r\n\r\nid: 7\r\nevent: tick\r\ndata: {"a":1}\r\n\r\n'
    b"data: one\ndata: two\n\nevent: x\n\ndata\n\ndata: gr\xc3\xbcn\r\rdata: unfinished"
)
EXPECTED = [
    Event('{"a":1}', "tick", "7"),
    Event("one\ntwo", "message", "7"),
    Event("", "message", "7"),
    Event("grün", "message", "7"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_may_be_split_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(edges)]
    assert list(events(chunks)) == EXPECTED


def test_byte_by_byte() -> None:
    assert list(events(bytes([byte]) for byte in STREAM)) == EXPECTED


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_LINE_BYTES", 100)
    with pytest.raises(sse.SseOverflow):
        list(events([b"data: " + b"x" * 60, b"x" * 60]))
