"""Sentences in the cells of a terminal: none is wider, and no word is lost."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from prismctl.commands.prose import wrapped


@given(st.text("ab 日本\u0301-", max_size=80), st.integers(2, 20))
def test_no_line_is_wider_than_the_room_and_nothing_is_lost(text: str, room: int) -> None:
    lines = wrapped(text, room)
    assert all(line and cell_len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_it_breaks_at_spaces_where_it_can() -> None:
    assert wrapped("one two  three", 7) == ["one two", "three"]
    assert wrapped("日本語 日本語", 8) == ["日本語", "日本語"]
    assert wrapped("x abcdefgh", 4) == ["x", "abcd", "efgh"]
    assert wrapped("", 9) == []
