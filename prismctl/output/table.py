"""Columns, and rows laid out: aligned for a terminal, tab-separated for a pipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prismctl.jsontext import Json, Object, pick
from prismctl.output import safe
from prismctl.output.human import Look, plain

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal


_GAP = 2
_MIN_WIDTH = 8
_NAME_WIDTH = 32
"""What stays of a name that is cut, in cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it shows of an object, and how."""

    title: str
    field: str
    """A dotted path into the API's object. Empty: made of the whole object, for people only."""
    show: Callable[[Json, Look], str] = plain
    tone: Callable[[Json], str] | None = None
    """The colour of a value; empty for none."""
    is_wide: bool = False
    """Shown only with ``-o wide`` and ``-o csv``."""
    is_right: bool = False
    is_flexible: bool = False
    """May be cut where the terminal is narrow."""
    is_name: bool = False
    """Told apart by both its ends: cut in its middle. One that is not flexible is cut only where
    columns may be left out, too."""
    least: int = _MIN_WIDTH
    """How many cells stay of a flexible one that is cut."""
    rank: int = 0
    """Not 0: may be left out where the terminal is narrow, the highest rank first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one kind of object is shown."""

    columns: tuple[Column, ...]
    name: str = "id"
    """The field that ``-o name`` prints."""
    rows: str = "data"
    """The field of a list object that holds its rows."""
    empty: str = "nothing to show"
    """What is said on stderr when a list is empty."""


def cells(row: Object, columns: Sequence[Column], look: Look) -> list[str]:
    """Return one row as harmless one-line texts."""
    return [safe.line(column.show(value_of(row, column), look)) for column in columns]


def value_of(row: Object, column: Column) -> Json:
    """Return what a column shows of an object."""
    return pick(row, column.field) if column.field else row


def tabbed(rows: Sequence[Object], columns: Sequence[Column], look: Look) -> str:
    """Lay rows out for a pipe: header, then a line per row, tabs between."""
    lines = [[column.title for column in columns], *(cells(row, columns, look) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def aligned(
    rows: Sequence[Object],
    columns: Sequence[Column],
    look: Look,
    terminal: "Terminal",
    *,
    may_leave_out: bool = False,
) -> str:
    """Lay rows out for a terminal. To its width only flexible columns and long names are cut.

    Args:
        rows: The API's objects.
        columns: What to show of them.
        look: How values are written.
        terminal: Width and colour.
        may_leave_out: Whether columns of a rank are left out, and long names are cut, where there
            is no room for them.
    """
    texts = [cells(row, columns, look) for row in rows]
    wanted = natural_widths(texts, columns)
    shown, widths = layout(wanted, columns, terminal.width, may_leave_out=may_leave_out)
    columns = [columns[at] for at in shown]
    head = [
        _painted(fit(column.title, width, column, terminal), "bold", terminal)
        for column, width in zip(columns, widths, strict=True)
    ]
    body = [
        [
            toned(fit(line[at], width, column, terminal), row, column, terminal)
            for at, width, column in zip(shown, widths, columns, strict=True)
        ]
        for row, line in zip(rows, texts, strict=True)
    ]
    return "".join("  ".join(line).rstrip() + "\n" for line in [head, *body])


def natural_widths(texts: Sequence[Sequence[str]], columns: Sequence[Column]) -> list[int]:
    """Return how wide each column would be if there were room for all."""
    from rich.cells import cell_len

    return [
        max((cell_len(column.title), *(cell_len(line[index]) for line in texts)))
        for index, column in enumerate(columns)
    ]


def layout(
    widths: Sequence[int], columns: Sequence[Column], room: int, *, may_leave_out: bool
) -> tuple[list[int], list[int]]:
    """Return which columns are shown, by their places, and how wide each of them is."""
    shown = list(range(len(columns)))
    least = [
        min(width, _least(column, may_cut_names=may_leave_out) or width)
        for column, width in zip(columns, widths, strict=True)
    ]
    if may_leave_out:
        shown = _shown(least, columns, room)
    left = [widths[at] for at in shown]
    _shrink(left, [least[at] for at in shown], room)
    return shown, left


def described(row: Object, columns: Sequence[Column], look: Look, terminal: "Terminal") -> str:
    """Lay one object out for a terminal: a line per field that has a value."""
    lines: list[str] = []
    width = max(len(column.title) for column in columns)
    for column, text in zip(columns, cells(row, columns, look), strict=True):
        if text:
            title = terminal.paint_out(f"{_label(column.title):<{width}}", "dim")
            lines.append(f"{title}  {toned(text, row, column, terminal)}\n")
    return "".join(lines)


def _label(title: str) -> str:
    """Return a title in small letters, but for units: $/M is per million."""
    return " ".join(word if "/" in word else word.lower() for word in title.split(" "))


def tabbed_fields(row: Object, columns: Sequence[Column], look: Look) -> str:
    """Lay one object out for a pipe: a line per field, name and value."""
    texts = cells(row, columns, look)
    lines = [f"{column.title}\t{text}\n" for column, text in zip(columns, texts, strict=True)]
    return "FIELD\tVALUE\n" + "".join(lines)


def _shown(least: Sequence[int], columns: Sequence[Column], room: int) -> list[int]:
    """Return which columns are shown: all, or without those of the highest ranks."""
    shown = list(range(len(columns)))
    while sum(least[at] + _GAP for at in shown) - _GAP > room:
        first = max(shown, key=lambda at: columns[at].rank)
        if not columns[first].rank:
            break
        shown.remove(first)
    return shown


def _least(column: Column, *, may_cut_names: bool) -> int | None:
    """Return how narrow a column may become; None where it is never cut."""
    if column.is_flexible:
        return max(column.least, len(column.title))
    return _NAME_WIDTH if column.is_name and may_cut_names else None


def _shrink(widths: list[int], least: Sequence[int], room: int) -> None:
    """Narrow what may be cut, the widest first, until the line fits or none can give."""
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    while excess > 0:
        able = [index for index, width in enumerate(widths) if width > least[index]]
        if not able:
            return
        widths[max(able, key=lambda index: widths[index])] -= 1
        excess -= 1


def fit(text: str, width: int, column: Column, shown_on: "Terminal | Look") -> str:
    """Return a cell as wide as its column: padded, or cut."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > width:
        dots = "…" if shown_on.is_unicode else "~"
        end = (width - 1) // 2 if column.is_name else 0
        tail = set_cell_size(text[::-1], end)[::-1]
        return set_cell_size(text, width - 1 - end) + dots + tail
    padding = " " * (width - cell_len(text))
    return padding + text if column.is_right else text + padding


def tone_of(row: Object, column: Column) -> str:
    """Return the colour of a cell; empty for none."""
    return column.tone(value_of(row, column)) if column.tone else ""


def toned(text: str, row: Object, column: Column, terminal: "Terminal") -> str:
    """Return a cell in the colour of its value."""
    tone = tone_of(row, column)
    return _painted(text, tone, terminal) if tone else text


def _painted(text: str, style: str, terminal: "Terminal") -> str:
    """Return a cell in a style, its padding plain: at the end of a line that is left out."""
    bare = text.strip()
    return text.replace(bare, terminal.paint_out(bare, style), 1) if bare else text
