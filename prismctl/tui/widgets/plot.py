"""Columns of time, stacked of groups, with both axes and a legend: a plot as text.

Pure, and it knows no resource. With colours a column is drawn in eighths of a line; without, each
group has a sign of its own, so that no group is told by its colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from prismctl.output.human import Look
from prismctl.tui import axis
from prismctl.tui import look as looks

MAX_GROUPS = 6
"""As many as there are tones and signs; what is more belongs together as others."""
TONES = tuple(f"series-{number}" for number in range(1, MAX_GROUPS + 1))
_SIGNS = ("█", "▓", "▒", "░", "▚", "·")
_ASCII_SIGNS = ("#", "=", "+", "o", ":", ".")
_LEVELS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = 8
_ROWS_PER_TICK = 2
_MAX_TICKS = 6
_LEGEND = 34
"""Cells of a legend at the side."""
_LONGEST = 24
_SHORTEST = 11
"""Cells of a name in a legend above; before it is cut to less, the legend takes a second line."""
_MARGIN = 9
"""Cells of the left axis, at most."""
_ROOMY = 100
"""From this width on the legend is at the side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One colour of the plot."""

    name: str
    values: Sequence[float]
    """One for each column."""
    figure: str
    """Its sum, as people read it."""
    aside: str = ""
    """Its share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What is drawn."""

    groups: Sequence[Group]
    """From the bottom to the top."""
    times: Sequence[float]
    """When the columns begin."""
    bucket: str
    """``minute``, ``hour`` or ``day``."""
    unit: str = ""
    """Before the numbers of the axis."""
    is_whole: bool = False
    """Whether there is nothing between whole numbers."""
    facts: Sequence[tuple[str, str]] = ()
    """Numbers beside it, with their names."""


def drawn(plot: Plot, width: int, height: int, look: Look, *, is_colored: bool) -> Content:
    """Draw a plot in so many cells; the legend is beside it, or above where there is no room."""
    is_wide = width >= _ROOMY
    legend = _legend(plot, _LEGEND if is_wide else width, look, is_wide, is_colored)
    if is_wide:
        left = _columns(plot, width - _LEGEND - 2, height, look, is_colored=is_colored)
        rows = [
            row + "  " + (legend[at] if at < len(legend) else Content(""))
            for at, row in enumerate(left)
        ]
        return looks.lines(rows)
    room = height - len(legend)
    return looks.lines([*legend, *_columns(plot, width, room, look, is_colored=is_colored)])


def sign(at: int, look: Look, *, is_colored: bool) -> str:
    """Return how a group is told apart in legend and table."""
    if not look.is_unicode:
        return _ASCII_SIGNS[at]
    return "■" if is_colored else _SIGNS[at]


def _columns(plot: Plot, width: int, height: int, look: Look, *, is_colored: bool) -> list[Content]:
    """Draw both axes and what is between them."""
    height = max(1, height - 2)
    ticks = max(1, min(_MAX_TICKS, height // _ROWS_PER_TICK))
    # Of more columns than there is room for, neighbours are one.
    size = max(1, -(-len(plot.times) // max(1, width - _MARGIN)))
    series = [[sum(some) for some in axis.neighbours(group.values, size)] for group in plot.groups]
    times = [some[0] for some in axis.neighbours(plot.times, size)]
    count = len(times)
    sums = [sum(max(0.0, one[at]) for one in series) for at in range(count)]
    scale = axis.scale(max(sums, default=0.0), ticks, unit=plot.unit, is_whole=plot.is_whole)
    labels = {
        round(number * height / scale.count): scale.label(number)
        for number in range(scale.count + 1)
    }
    margin = max(len(label) for label in labels.values()) + 1
    each = max(1, (width - margin - 1) // max(1, count))
    bar = each - 1 if each > 2 else each  # noqa: PLR2004 - a gap where it costs little
    rows = []
    for line in reversed(range(height)):
        label = labels.get(line + 1, "")
        cells = [
            _cell([one[at] for one in series], scale.top, line, height, look, is_colored)
            for at in range(count)
        ]
        rest = _gap(look, is_tick=bool(label))
        parts: list[tuple[str, str] | str | Content] = [
            (f"{label:>{margin - 1}} ", "dim"),
            ("│" if look.is_unicode else "|", "edge"),
        ]
        for text, style in cells:
            parts.append(Content.styled(text * bar, style) if text else Content.styled(
                rest * bar, looks.TONES["track"]))  # fmt: skip
            parts.append(Content.styled(rest * (each - bar), looks.TONES["track"]))
        left = width - margin - 1 - each * count
        parts.append(Content.styled(rest * max(0, left), looks.TONES["track"]))
        rows.append(looks.line(*parts))
    return [*rows, *_feet(plot.bucket, times, each, margin, width, look, labels.get(0, ""))]


def _cell(  # noqa: PLR0917 - all of them are
    parts: Sequence[float], top: float, line: int, height: int, look: Look, is_colored: bool
) -> tuple[str, str]:
    """Return character and style of one cell of a column; no character where it is empty."""
    fine = look.is_unicode and is_colored
    steps = _EIGHTHS if fine else 1
    ends = axis.stacked(parts, top, height * steps)
    low, high = line * steps, (line + 1) * steps
    # Who covers how much of this cell, from below.
    covers = [
        (at, max(0, min(end, high) - max(low, ends[at - 1] if at else 0)))
        for at, end in enumerate(ends)
    ]
    covers = [(at, cells) for at, cells in covers if cells > 0]
    if not covers:
        return "", ""
    if not fine:
        at = covers[-1][0]
        return sign(at, look, is_colored=is_colored), looks.TONES[TONES[at]]
    # A cell has two colours: where there are more, the two that cover most of it.
    most = sorted(sorted(covers, key=lambda cover: -cover[1])[:2])
    filled = sum(cells for _, cells in covers)
    lower = looks.TONES[TONES[most[0][0]]]
    if len(most) == 1 or filled < steps:
        if len(most) > 1:
            lower = looks.TONES[TONES[max(most, key=lambda cover: cover[1])[0]]]
        return _LEVELS[filled], lower
    upper = looks.TONES[TONES[most[1][0]]]
    return _LEVELS[max(1, steps - most[1][1])], f"{lower} on {upper}"


def _gap(look: Look, *, is_tick: bool) -> str:
    return "▔" if is_tick and look.is_unicode else " "


def _feet(  # noqa: PLR0917 - all of them are
    bucket: str, times: Sequence[float], each: int, margin: int, width: int, look: Look, zero: str
) -> list[Content]:
    """Draw the lower axis and the times under it."""
    longest = max((len(axis.caption(bucket, time_s)) for time_s in times), default=1)
    room = -(-(longest + 2) // each)
    corner, rest, tick = ("└", "─", "┴") if look.is_unicode else ("+", "-", "+")
    line = [rest] * max(0, width - margin - 1)
    text = [" "] * len(line)
    for at in axis.marks(bucket, times, room):
        start, label = at * each, axis.caption(bucket, times[at])
        start = min(start, len(text) - len(label))
        before = text[max(0, start - 1) : start + len(label)]
        if start < 0 or any(cell != " " for cell in before):
            continue
        line[min(at * each, len(line) - 1)] = tick
        text[start : start + len(label)] = label
    return [
        looks.line((f"{zero:>{margin - 1}} ", "dim"), (corner + "".join(line), "edge")),
        looks.line(" " * (margin + 1), ("".join(text), "dim")),
    ]


def _legend(plot: Plot, width: int, look: Look, is_wide: bool, is_colored: bool) -> list[Content]:
    """Draw groups with sign and number: one under the other, or on a line as many as fit."""
    entries = [
        (sign(at, look, is_colored=is_colored), TONES[at], group)
        for at, group in enumerate(plot.groups)
    ]
    if is_wide:
        rows = [
            looks.line((f"{name:<{_LEGEND - len(text)}}", "dim"), (text, "bold"))
            for name, text in plot.facts
        ]
        rows += [Content("")] if rows else []
        # As in the columns, the uppermost first.
        for glyph, tone, group in reversed(entries):
            end = looks.line((f" {group.figure}", "bold"), (f" {group.aside:>5}", "dim"))
            room = width - end.cell_length - 2
            rows.append(
                looks.line((glyph, tone), " ") + looks.fitted(looks.text(group.name), room, look)
                + end
            )  # fmt: skip
        return rows
    lines: list[Content] = []
    for count in (1, 2):
        each = -(-len(entries) // count)
        chosen = [entries[at : at + each] for at in range(0, len(entries), each or 1)]
        for longest in range(_LONGEST, _SHORTEST, -1):
            lines = [
                Content("  ").join(_short(*entry, longest, look) for entry in some)
                for some in chosen
            ]
            if all(line.cell_length <= width for line in lines):
                return lines
    return [looks.fitted(line, width, look) for line in lines]


def _short(glyph: str, tone: str, group: Group, longest: int, look: Look) -> Content:
    name = looks.text(group.name)
    if name.cell_length > longest:
        name = looks.fitted(name, longest, look)
    return looks.line((glyph, tone), " ") + name + looks.line((f" {group.figure}", "bold"))
