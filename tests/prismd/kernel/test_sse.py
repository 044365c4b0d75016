import re
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


def data_of(stream: bytes) -> list[bytes]:
    """Read a stream line by line, as the standard puts it."""
    found, lines = [], []
    for line in re.split(rb"\r\n|\n|\r", stream):
        if line.startswith(b"data: "):
            lines.append(line.removeprefix(b"data: "))
        elif not line and lines:
            found.append(b"\n".join(lines))
            lines = []
    return found


line_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
texts = st.sampled_from([b"data: a", b"data: b", b": c"])


@given(
    events=st.lists(st.tuples(texts, line_ends, line_ends), max_size=6),
    cuts=st.lists(st.integers(0, 100), max_size=20),
)
def test_every_mix_of_line_ends_cut_anywhere_is_read_as_the_standard_says(
    events: list[tuple[bytes, bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(b"".join(event) for event in events) + b"data: last\n\n"
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = decode([stream[a:b] for a, b in pairwise(places)])
    assert [event.data for event in found if event.data is not None] == data_of(stream)
    assert b"".join(event.raw for event in found) == stream


@pytest.mark.parametrize("blank", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_an_event_is_not_held_back_when_its_blank_line_is_here(blank: bytes) -> None:
    assert [event.data for event in decode([b"data: a" + blank])] == [b"a"]


class Looks:
    """A pattern that counts how many bytes it was given to look at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.seen_bytes = 0

    def search(self, buffer: bytearray, position: int) -> re.Match[bytes] | None:
        found = self.pattern.search(buffer, position)
        self.seen_bytes += (found.end() if found else len(buffer)) - position
        return found


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("step", [1, 1_000, 1_000_000])
def test_every_byte_is_looked_at_about_once(
    monkeypatch: pytest.MonkeyPatch, line_end: bytes, step: int
) -> None:
    looks = [Looks(sse._BLANK_LINE_OF_LF), Looks(sse._BLANK_LINE)]
    monkeypatch.setattr(sse, "_BLANK_LINE_OF_LF", looks[0])
    monkeypatch.setattr(sse, "_BLANK_LINE", looks[1])
    stream = (b"data: " + b"a" * 100 + line_end * 2) * 200 + b"data: " + b"b" * 50_000
    assert len(decode([stream[at : at + step] for at in range(0, len(stream), step)])) == 200
    seen_bytes = sum(look.seen_bytes for look in looks)
    assert seen_bytes <= len(stream) + 3 * (len(stream) // step + 1)
