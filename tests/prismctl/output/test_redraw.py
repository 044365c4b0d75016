"""What is drawn again: only what changed is written, and the screen holds the last picture."""

from dataclasses import replace

from prismctl.output.redraw import Redraw, cut
from tests.prismctl.support import PEOPLE

TERMINAL = replace(PEOPLE, width=10, height=5, is_out_colored=True)


def drawn(*pictures: str) -> list[str]:
    written: list[str] = []
    redraw = Redraw(written.append)
    for picture in pictures:
        redraw.draw(picture, TERMINAL)
    return written


def test_a_line_that_stays_is_not_written_again() -> None:
    assert drawn("a\nb", "a\nc")[1] == "\x1b[2A\nc\x1b[K\n"


def test_a_picture_that_stays_is_not_drawn() -> None:
    assert len(drawn("a\nb", "a\nb", "a\nb")) == 1


def test_what_is_no_longer_there_is_cleared() -> None:
    assert drawn("a\nb\nc", "a")[1] == "\x1b[3A\n\x1b[J"


def test_what_does_not_fit_is_cut() -> None:
    [first] = drawn("0123456789abc\n2\n3\n4\n5\n6")
    assert first.splitlines() == [
        "0123456789\x1b[K",
        "2\x1b[K",
        "3\x1b[K",
        "\x1b[2m… 3 more l\x1b[0m\x1b[K",
    ]


def test_another_size_is_another_picture() -> None:
    written: list[str] = []
    redraw = Redraw(written.append)
    redraw.draw("a", TERMINAL)
    redraw.draw("a", replace(TERMINAL, width=8))
    assert written[1:] == ["\x1b[H\x1b[2J", "a\x1b[K\n"]


def test_colours_have_no_width_and_end_where_the_line_does() -> None:
    assert cut("\x1b[31m✕ failed\x1b[0m  x", 6) == "\x1b[31m✕ fail\x1b[0m"
    assert cut("日本語", 5) == "日本 "
