"""Bytes of a vendor that end where they should not."""

import pytest

from prismd.dialects.source import SseSource

EVENT = b'data: {"a":1}\n\n'


def at_end(sent: bytes) -> tuple[list[bytes | None], str]:
    """Return what the end of some bytes yields, and what is told if that cannot be read."""
    source = SseSource(provider="p")
    assert [event.raw for event in source.frames(EVENT + sent)] == [EVENT]
    rest = [event.data for event in source.rest()]
    return rest, source.at_end(source.broken("sent what is no JSON")).code


@pytest.mark.parametrize("sent", [b"data: {", b'data: {"a":1}\ndata: {"b"', b"da"])
def test_half_an_event_is_an_answer_that_ended_early(sent: bytes) -> None:
    assert at_end(sent)[1] == "upstream_closed_early"


def test_lines_that_are_whole_and_cannot_be_read_are_the_vendors_fault() -> None:
    rest, code = at_end(b'data: {"a":1}\ndata: {"b":2}\n')
    assert rest == [b'{"a":1}\n{"b":2}']
    assert code == "invalid_upstream_response"


def test_what_lacks_only_its_blank_line_is_an_event() -> None:
    assert at_end(b"data: 7")[0] == [b"7"]


def test_comments_pass_once_there_is_an_event() -> None:
    sent = b": wait\n\n" + EVENT + b": wait on\n\n" + EVENT
    for size in (1, 5, 100):
        source = SseSource(provider="p")
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        got = [event.raw for piece in pieces for event in source.frames(piece)]
        assert got == [EVENT, b": wait on\n\n", EVENT]


def test_nothing_is_left_of_whole_events() -> None:
    assert at_end(b"")[0] == []
