import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismctl.output import safe

HOSTILE = [
    "\x1b[2J",  # clear the screen
    "\x1b]0;title\x07",  # OSC: set the title
    "\x9b31m",  # 8-bit CSI
    "a\u202egnp.exe",  # right-to-left override
    "\u2066x\u2069",
    "line\rover",
    "\x7f\x08",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_characters_become_visible(text: str) -> None:
    for shown in (safe.line(text), safe.block(text)):
        assert safe.is_clean(shown)
        assert "\\" in shown
        shown.encode()


def test_a_line_stays_a_line_and_a_block_keeps_its_lines() -> None:
    assert safe.line("a\nb\tc") == "a\\nb\\tc"
    assert safe.block("a\r\nb\tc\n") == "a\nb\tc\n"


def test_ordinary_text_is_left_alone() -> None:
    text = "Grüße, 世界 👩‍💻 ● ✕ é"
    assert safe.line(text) == safe.block(text) == text


@given(st.text(st.characters()))
def test_no_text_gets_through_with_a_control_character(text: str) -> None:
    assert safe.is_clean(safe.line(text))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_in_json_the_value_stays_the_same(text: str) -> None:
    shown = safe.in_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert safe.is_clean(shown)
