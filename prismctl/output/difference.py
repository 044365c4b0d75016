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
NEAR_WORDS = 6
"""Words shown before and after one that changed, in a line that is longer."""
MAX_WORDS = 2_000
"""Of longer lines the changed words are not looked for: it would take seconds."""
_BRACKETS = {"-": ("[-", "-]"), "+": ("{+", "+}")}
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
            lines.append(terminal.paint_out(_gap(terminal), "dim"))
        for kind, a, b, c, d in group:
            if kind == "equal":
                for line in old[a:b]:
                    lines += _laid(" ", [_Piece(line, is_changed=False)], terminal)
            else:
                lines += _replaced(old[a:b], new[c:d], terminal)
    return "".join(f"{line}\n" for line in lines)


def _gap(terminal: "Terminal") -> str:
    return "…" if terminal.is_unicode else "..."


def _replaced(old: list[str], new: list[str], terminal: "Terminal") -> Iterator[str]:
    is_pair = len(old) == len(new)
    gap = _gap(terminal)
    pairs = [_words(*pair, gap) for pair in zip(old, new, strict=True)] if is_pair else []
    befores = [pair[0] for pair in pairs] or [[_Piece(line, is_changed=False)] for line in old]
    afters = [pair[1] for pair in pairs] or [[_Piece(line, is_changed=False)] for line in new]
    for pieces in befores:
        yield from _laid("-", pieces, terminal)
    for pieces in afters:
        yield from _laid("+", pieces, terminal)


def _words(old: str, new: str, gap: str) -> tuple[list[_Piece], list[_Piece]]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if max(len(before), len(after)) > MAX_WORDS:
        return [_Piece(old, is_changed=False)], [_Piece(new, is_changed=False)]
    left = [_Piece(word, is_changed=True) for word in before]
    right = [_Piece(word, is_changed=True) for word in after]
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        for at in range(block.size):
            left[block.a + at] = left[block.a + at]._replace(is_changed=False)
            right[block.b + at] = right[block.b + at]._replace(is_changed=False)
    return _near_changes(left, gap), _near_changes(right, gap)


def _near_changes(pieces: list[_Piece], gap: str) -> list[_Piece]:
    """Leave out words that are far from any change; where every word changed, mark none."""
    if all(piece.is_changed for piece in pieces):
        return [piece._replace(is_changed=False) for piece in pieces]
    found: list[_Piece] = []
    runs = [list(run) for _, run in groupby(pieces, key=lambda piece: piece.is_changed)]
    for at, run in enumerate(runs):
        before, after = (NEAR_WORDS if at else 0), (NEAR_WORDS if at < len(runs) - 1 else 0)
        # A line that did not change at all is the shorter of the two: its end is what differs.
        after = after if len(runs) > 1 else NEAR_WORDS
        if run[0].is_changed or len(run) <= before + after + 1:
            found += run
        else:
            left_out = _Piece(f" {gap}" if before else gap, is_changed=False)
            found += [*run[:before], left_out, *run[len(run) - after :]]
    return found


def _laid(mark: str, pieces: list[_Piece], terminal: "Terminal") -> Iterator[str]:
    """Lay a line out to the width of the terminal; what follows has the mark, too."""
    from rich.cells import cell_len

    # Without colour, what has changed is in brackets.
    room, used = max(10, terminal.width - (2 if terminal.is_out_colored else 6)), 0
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
        _painted("".join(piece.text for piece in run), mark, terminal, is_changed=is_changed)
        for is_changed, run in groupby(row, key=lambda piece: piece.is_changed)
    ]
    return f"{shown} {''.join(parts)}".rstrip()


def _painted(text: str, mark: str, terminal: "Terminal", *, is_changed: bool) -> str:
    if is_changed and not terminal.is_out_colored:
        words = text.lstrip(" ")
        left, right = _BRACKETS[mark]
        return f"{' ' * (len(text) - len(words))}{left}{words}{right}"
    tones = [name for name in (_TONES[mark], "bold" if is_changed else "") if name]
    return terminal.paint_out(text, *tones) if tones else text
