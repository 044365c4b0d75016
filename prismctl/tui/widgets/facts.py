"""Facts as text: names and values in columns, blocks side by side. Pure."""

from collections.abc import Sequence
from itertools import zip_longest

from textual.content import Content

from prismctl.output.human import Look
from prismctl.tui import look as looks

Fact = tuple[str, str | Content]
_COLUMN, _TWO, _GAP = 34, 100, 3
"""Cells: of a fact at least; from which blocks stand side by side; between them."""


def columns(facts: Sequence[Fact], width: int, look: Look) -> list[Content]:
    """Draw the facts that have a value, in as many columns as there is room for."""
    found = [(name, value) for name, value in facts if value]
    names = max((len(name) for name, _ in found), default=0) + 2
    count = max(1, min(3, width // _COLUMN))
    cells = width // count
    parts = [
        looks.line(
            (f"{name:<{names}}", "dim"), value if isinstance(value, Content) else (value, "")
        )
        for name, value in found
    ]
    fitted = [looks.fitted(part, cells - 1, look) + " " for part in parts]
    return [Content("").join(fitted[at : at + count]) for at in range(0, len(fitted), count)]


def heading(words: str) -> Content:
    """Draw what stands over a block."""
    return looks.text(words.upper(), "accent")


def beside(
    left: Sequence[Content], right: Sequence[Content], width: int, look: Look
) -> list[Content]:
    """Draw two blocks side by side; where that is too narrow, one under the other."""
    if not left or not right:
        return [*left, *right]
    if width < _TWO:
        return [*left, Content(""), *right]
    half = half_of(width)
    return [
        looks.fitted(one, half, look) + " " * _GAP + looks.fitted(two, half, look)
        for one, two in zip_longest(left, right, fillvalue=Content(""))
    ]


def half_of(width: int) -> int:
    """Return the cells of a block that may stand beside another."""
    return width if width < _TWO else (width - _GAP) // 2
