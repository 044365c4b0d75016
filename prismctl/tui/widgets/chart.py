"""Small charts as text: a history of values in columns, and a share of a whole as a bar.

Pure. Neither is ever alone: a number stands beside it.
"""

from collections.abc import Sequence

from textual.content import Content

from prismctl.output.human import Look
from prismctl.tui import look as looks


def squeezed(values: Sequence[float], width: int) -> list[float]:
    """Return exactly so many values: the newest ones, means of neighbours where there are more.

    What is missing at the beginning is 0.
    """
    if width <= 0:
        return []
    if len(values) <= width:
        return [0.0] * (width - len(values)) + list(values)
    size = -(-len(values) // width)
    # Groups end at the newest value, so that all but the newest group stay as they are.
    groups = [values[max(0, end - size) : end] for end in range(len(values), 0, -size)]
    found = [sum(group) / len(group) for group in reversed(groups)]
    return [0.0] * (width - len(found)) + found


def columns(
    values: Sequence[float], width: int, height: int, look: Look, *, top: float = 0.0
) -> list[str]:
    """Draw values as columns, ``height`` lines high, the newest at the right.

    Args:
        values: In the order of time.
        width: Characters.
        height: Lines.
        look: What the terminal can show.
        top: What a full column means at least; the greatest value if that is more.
    """
    levels = looks.glyphs(look).levels
    steps = len(levels) - 1
    found = squeezed(values, width)
    whole = max([top, *found])
    rows: list[str] = []
    for row in reversed(range(height)):
        cells: list[str] = []
        for value in found:
            filled = value / whole * steps * height if whole > 0 else 0.0
            level = max(0, min(steps, round(filled - row * steps)))
            if value > 0 and row == 0:
                # What is not nothing is seen.
                level = max(1, level)
            cells.append(levels[level])
        rows.append("".join(cells))
    return rows


def sparkline(
    values: Sequence[float],
    width: int,
    look: Look,
    *,
    height: int = 1,
    tone: str = "accent",
    top: float = 0.0,
) -> Content:
    """Return a history of values in a tone."""
    rows = columns(values, width, height, look, top=top)
    return looks.lines([Content.styled(row, looks.TONES[tone]) for row in rows])


def gauge(share: float, width: int, look: Look, *, tone: str = "accent") -> Content:
    """Return a bar of a share of 0 to 1; write the number beside it."""
    glyphs = looks.glyphs(look)
    full = max(0, min(width, round(share * width)))
    if share > 0:
        full = max(1, full)
    return Content.assemble(
        (glyphs.full * full, looks.TONES[tone]), (glyphs.rest * (width - full), "$track")
    )
