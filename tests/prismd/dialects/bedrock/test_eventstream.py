"""AWS event streams, against AWS's own reader."""

import contextlib
from itertools import pairwise

from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.bedrock.eventstream import (
    Broken,
    Message,
    MessageDecoder,
    encode,
    event,
    exception,
)

headers = st.dictionaries(
    st.from_regex(r":?[a-z][a-z-]{0,20}", fullmatch=True), st.text(max_size=20), max_size=4
)
messages = st.lists(st.tuples(headers, st.binary(max_size=200)), min_size=1, max_size=4)


@given(messages, st.lists(st.integers(0, 2_000), max_size=8))
def test_what_is_written_is_read_by_both_however_it_is_cut(
    sent: list[tuple[dict[str, str], bytes]], cuts: list[int]
) -> None:
    stream = b"".join(encode(head, payload) for head, payload in sent)
    theirs = EventStreamBuffer()
    theirs.add_data(stream)
    assert [(one.headers, one.payload) for one in theirs] == sent
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    ours = MessageDecoder()
    found = [one for a, b in pairwise(places) for one in ours.feed(stream[a:b])]
    assert [(one.headers, one.payload) for one in found] == sent
    assert b"".join(one.raw for one in found) == stream
    assert ours.is_between


@given(st.binary(min_size=1, max_size=60), st.integers(0, 10_000))
def test_a_bit_that_is_wrong_is_seen(payload: bytes, place: int) -> None:
    stream = bytearray(event("metadata", payload))
    stream[place % len(stream)] ^= 1
    found: list[Message] = []
    with contextlib.suppress(Broken):
        found += MessageDecoder().feed(bytes(stream))
    assert found == []


@given(st.binary(max_size=200))
def test_garbage_is_broken_or_not_whole(garbage: bytes) -> None:
    with contextlib.suppress(Broken):
        list(MessageDecoder().feed(garbage))


def test_events_and_exceptions_say_what_they_are() -> None:
    decoder = MessageDecoder()
    first, second = decoder.feed(event("metadata", b"{}") + exception("throttlingException", b"{}"))
    assert first.headers[":message-type"] == "event"
    assert second.headers[":exception-type"] == "throttlingException"
    assert second.headers[":message-type"] == "exception"
