import re
from dataclasses import replace

from prismctl.output.difference import MAX_WORDS, differences
from tests.prismctl.support import PIPE

COLORED = replace(PIPE, is_out_colored=True)
NARROW = replace(PIPE, width=22)


def without_color(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_the_same_text_has_no_differences() -> None:
    assert differences("one\ntwo", "one\ntwo", PIPE) == ""
    assert differences("", "", PIPE) == ""


def test_a_changed_line_is_there_twice_and_what_is_far_away_is_left_out() -> None:
    before = "\n".join(["a", "b", "c", "old", "d", "e", "f"])
    after = before.replace("old", "new")
    assert differences(before, after, PIPE) == "  b\n  c\n- old\n+ new\n  d\n  e\n"


def test_added_and_removed_lines_stand_alone() -> None:
    assert differences("x", "x\ny", PIPE) == "  x\n+ y\n"
    assert differences("x\ny", "x", PIPE) == "  x\n- y\n"
    assert differences("", "y", PIPE) == "-\n+ y\n"


def test_only_the_changed_words_are_bold() -> None:
    shown = differences("the quick fox", "the slow fox", COLORED)
    assert "\x1b[31;1m quick\x1b[0m" in shown
    assert "\x1b[32;1m slow\x1b[0m" in shown
    assert "\x1b[31mthe\x1b[0m" in shown
    assert without_color(shown) == "- the quick fox\n+ the slow fox\n"


def test_without_colour_they_are_in_brackets() -> None:
    shown = differences("the quick fox", "the slow fox", PIPE)
    assert shown == "- the [-quick-] fox\n+ the {+slow+} fox\n"


def test_a_line_that_changed_altogether_has_no_marks_but_those_of_the_line() -> None:
    assert differences("one two", "three", PIPE) == "- one two\n+ three\n"


def test_in_a_long_line_the_words_near_a_change_are_shown() -> None:
    before = " ".join(f"w{number}" for number in range(100))
    after = before.replace("w50", "new")
    near, far = "w44 w45 w46 w47 w48 w49", "w51 w52 w53 w54 w55 w56"
    assert differences(before, after, PIPE) == (
        f"- … {near} [-w50-] {far} …\n+ … {near} {{+new+}} {far} …\n"
    )
    longer = differences(before, f"{before} more", PIPE)
    assert longer == ("- … w94 w95 w96 w97 w98 w99\n+ … w94 w95 w96 w97 w98 w99 {+more+}\n")
    plain = replace(PIPE, is_unicode=False)
    assert differences(before, after, plain).startswith("- ... w44")


def test_a_long_line_is_wrapped_and_every_part_is_marked() -> None:
    shown = differences("one two three four five six", "one x y z four five six", NARROW)
    lines = shown.splitlines()
    assert all(len(line) <= NARROW.width for line in lines)
    assert [line[0] for line in lines] == ["-", "-", "+", "+"]
    assert lines[0] == "- one [-two three-]"


def test_wide_letters_and_long_words_fit() -> None:
    from rich.cells import cell_len

    shown = differences("日本語" * 20, "x" * 50, NARROW).splitlines()
    assert all(cell_len(line) <= NARROW.width for line in shown)
    assert "".join(line[2:] for line in shown if line[0] == "-") == "日本語" * 20


def test_hostile_text_cannot_command_the_terminal() -> None:
    shown = differences("a\x1b]0;owned\x07", "a\u202e\x9b2J", COLORED)
    assert "\\x1b]0;owned\\x07" in shown
    assert "\\u202e\\x9b2J" in shown
    assert not re.search("\x1b[^[]|\x07|\u202e|\x9b", shown)


def test_very_long_lines_are_shown_whole() -> None:
    before = " ".join(str(number) for number in range(MAX_WORDS + 1))
    shown = differences(before, f"{before} more", PIPE)
    assert shown.count("more") == 1
    assert shown.count(" 1000 ") == 2
