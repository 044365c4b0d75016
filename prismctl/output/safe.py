"""Make text from elsewhere harmless to a terminal: the one function everything printed passes.

A name or an answer may hold escape sequences that rewrite the screen, set the title, fill the
clipboard, or turn text around so that it reads as something else. They are shown, never obeyed.
"""

import re

_HOSTILE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 (with ESC, tab and newline), DEL, C1 (8-bit CSI, OSC …)
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029\ufeff"  # line and paragraph separators, byte order mark
    "\ud800-\udfff"  # lone surrogates: no encoding can write them
    "]"
)
_HOSTILE_LINES = re.compile(_HOSTILE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
"""The same, but tab and newline may stay."""


def line(text: str) -> str:
    """Return the text on one line, every control character replaced by its visible escape."""
    return _HOSTILE.sub(_escape, text)


def block(text: str) -> str:
    """Return text of many lines: newlines and tabs stay, other controls become visible."""
    return _HOSTILE_LINES.sub(_escape, text.replace("\r\n", "\n"))


def in_json(text: str) -> str:
    r"""Return JSON text with hostile characters as ``\uXXXX``: the same value, harmless to show.

    Only newlines of the layout are outside of strings, and JSON allows no raw one inside.
    """
    return _HOSTILE_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_clean(text: str) -> bool:
    """Say whether the text can be shown as it is."""
    return _HOSTILE.search(text) is None


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0])
    return named or (f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}")  # noqa: PLR2004
