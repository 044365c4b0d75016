from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel import sse
from prismd.kernel.sse import MAX_EVENT_BYTES, SseDecoder, SseEvent, SseOverflow

STREAM = (
    b'data: {"a":1}\n\n'
    b": a comment\n\n"
    b"event: tick\nid: 7\ndata: one\ndata: two\n\n"
    b"data:no space\r\n\r\n"
    b"data: [DONE]\n\n"
)


def decode(parts: list[bytes]) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for part in parts for event in decoder.feed(part)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[a:b] for a, b in pairwise(places)]
    assert decode(parts) == decode([STREAM])


def test_byte_by_byte() -> None:
    assert decode([STREAM[i : i + 1] for i in range(len(STREAM))]) == decode([STREAM])


def test_events_are_read_and_their_bytes_kept() -> None:
    events = decode([STREAM])
    assert b"".join(event.raw for event in events) == STREAM
    assert [event.data for event in events] == [
        b'{"a":1}',
        None,
        b"one\ntwo",
        b"no space",
        b"[DONE]",
    ]
    assert (events[2].event, events[2].id) == ("tick", "7")


def test_what_is_written_is_read_again() -> None:
    (event,) = decode([sse.encode(b"{}", event="call", event_id="3")])
    assert (event.data, event.event, event.id) == (b"{}", "call", "3")
    assert decode([sse.comment(b"hi")])[0].data is None


def test_an_event_without_end_is_refused() -> None:
    decoder = SseDecoder()
    with pytest.raises(SseOverflow):
        list(decoder.feed(b"data: " + b"x" * MAX_EVENT_BYTES))


def test_pending_bytes_are_visible() -> None:
    decoder = SseDecoder()
    assert list(decoder.feed(b"data: half")) == []
    assert decoder.pending == b"data: half"
