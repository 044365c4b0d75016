"""How two texts differ, for people: lines with - and +, in them the words that changed."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from prismctl.output import safe

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal

CONTEXT = 2
"""Lines shown around a change."""
MAX_WORDS = 2_000
"""Of longer lines the changed words are not looked for: it would take seconds."""
_TONES = {"-": "red", "+": "green", " ": ""}
_WORDS = re.compile(r"\s*\S+|\s+")


class _Piece(NamedTuple):
    """A word with the space before it."""

    text: str
    is_changed: bool


def differences(before: str, after: str, terminal: "Terminal") -> str:
    """Return the lines that differ, and a few around them; empty if the texts are the same."""
    old, new = safe.block(before).split("\n"), safe.block(after).split("\n")
    lines: list[str] = []
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        if lines:
            lines.append(terminal.paint_out("…" if terminal.is_unicode else "...", "dim"))
        for kind, a, b, c, d in group:
            if kind == "equal":
                for line in old[a:b]:
                    lines += _laid(" ", [_Piece(line, is_changed=False)], terminal)
            else:
                lines += _replaced(old[a:b], new[c:d], terminal)
    return "".join(f"{line}\n" for line in lines)


def _replaced(old: list[str], new: list[str], terminal: "Terminal") -> Iterator[str]:
    is_pair = len(old) == len(new)
    pairs = [_words(*pair) for pair in zip(old, new, strict=True)] if is_pair else []
    befores = [pair[0] for pair in pairs] or [[_Piece(line, is_changed=False)] for line in old]
    afters = [pair[1] for pair in pairs] or [[_Piece(line, is_changed=False)] for line in new]
    for pieces in befores:
        yield from _laid("-", pieces, terminal)
    for pieces in afters:
        yield from _laid("+", pieces, terminal)


def _words(old: str, new: str) -> tuple[list[_Piece], list[_Piece]]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if max(len(before), len(after)) > MAX_WORDS:
        return [_Piece(old, is_changed=False)], [_Piece(new, is_changed=False)]
    left = [_Piece(word, is_changed=True) for word in before]
    right = [_Piece(word, is_changed=True) for word in after]
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        for at in range(block.size):
            left[block.a + at] = left[block.a + at]._replace(is_changed=False)
            right[block.b + at] = right[block.b + at]._replace(is_changed=False)
    return left, right


def _laid(mark: str, pieces: list[_Piece], terminal: "Terminal") -> Iterator[str]:
    """Lay a line out to the width of the terminal; what follows has the mark, too."""
    from rich.cells import cell_len

    room, used = max(10, terminal.width - 2), 0
    row: list[_Piece] = []
    for piece in pieces:
        for text in _fitting(piece.text, room):
            if used + cell_len(text) > room:
                yield _marked(mark, row, terminal)
                row, used = [], 0
                text = text.lstrip(" ")  # noqa: PLW2901 - no line begins with the gap before it
            row.append(_Piece(text, piece.is_changed))
            used += cell_len(text)
    yield _marked(mark, row, terminal)


def _fitting(text: str, room: int) -> Iterator[str]:
    """Cut a text into words, and a word that is wider than the room into pieces."""
    from rich.cells import cell_len, chop_cells

    for word in _WORDS.findall(text):
        yield from [word] if cell_len(word) <= room else chop_cells(word, room)


def _marked(mark: str, row: list[_Piece], terminal: "Terminal") -> str:
    tone = _TONES[mark]
    shown = terminal.paint_out(mark, tone) if tone else mark
    parts = [
        _painted("".join(piece.text for piece in run), tone, terminal, is_changed=is_changed)
        for is_changed, run in groupby(row, key=lambda piece: piece.is_changed)
    ]
    return f"{shown} {''.join(parts)}".rstrip()


def _painted(text: str, tone: str, terminal: "Terminal", *, is_changed: bool) -> str:
    tones = [name for name in (tone, "bold" if is_changed else "") if name]
    return terminal.paint_out(text, *tones) if tones else text
