"""A table of API objects that change while they are looked at.

Its columns are the ``View`` that the command line prints, too. The cursor stays on its object, by
id, wherever that moves; widths grow but do not shrink, so that nothing trembles.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from prismctl.jsontext import Json, Object
from prismctl.output import safe, table
from prismctl.output.human import Look, plain
from prismctl.output.table import Column, View
from prismctl.tui import keys
from prismctl.tui import look as looks

_GUTTER = 2
_MARGIN = 1
"""Cells between the last column and the scrollbar."""
_GAP = 2
_MEASURED = 80
"""Rows that widths are taken from."""
_TONES = {"green": "good", "yellow": "warn", "red": "bad", "dim": "dim", "cyan": "accent"}


class ResourceTable(ScrollView, can_focus=True):
    """Rows of objects. ``show`` it new ones as often as you like."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--sorted",
        "table--row",
        "table--cursor",
        "table--mark",
        "table--good",
        "table--warn",
        "table--bad",
        "table--dim",
        "table--accent",
        "table--empty",
    }
    BINDINGS = keys.bindings("rows")

    cursor: reactive[int] = reactive(0)

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, row: Object) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """Somebody has put the cursor on another row."""

    def __init__(self, view: View, title: str, look: Look, *, row_id: str = "") -> None:
        super().__init__()
        self.view = view
        self.heading = title
        self._row_id = row_id or view.name
        self._look = look
        self._rows: Sequence[Object] | None = None
        self._shown: list[Object] = []
        self._cursor_id = ""
        self._marks: set[str] = set()
        self._sorted: Column | None = None
        self._is_reversed = False
        self._natural: list[int] = []
        """How wide each column should be; of one that may be cut, for most of its rows."""
        self._layout: dict[int, tuple[list[int], list[int]]] = {}
        """By room: which columns are shown, and how wide; a line is drawn far more often."""
        self._widest: list[int] = []
        """How wide each column would be for all its rows."""
        self.is_placed = False
        """Whether somebody has moved the cursor; until then it is on the first row."""
        self.filter = ""
        self.is_following = False
        self.note = ""
        """Beside the title: what else is to be known of the rows."""
        self.problem = ""
        """Why there may be no rows, or old ones."""

    @property
    def row(self) -> Object | None:
        """The object under the cursor."""
        return self._shown[self.cursor] if 0 <= self.cursor < len(self._shown) else None

    @property
    def marked(self) -> list[Object]:
        """The marked objects; without any, the one under the cursor."""
        found = [row for row in self._rows or () if self._name_of(row) in self._marks]
        return found or ([self.row] if self.row is not None else [])

    @property
    def shown(self) -> Sequence[Object]:
        """The objects that pass the filter, in their order."""
        return self._shown

    def show(self, rows: Sequence[Object] | None, look: Look) -> None:
        """Draw these objects; None while they are awaited."""
        self._rows, self._look = rows, look
        self._arrange()

    def set_view(self, view: View) -> None:
        """Show other columns."""
        if view is not self.view:
            self.view, self._natural, self._sorted = view, [], None
            self._arrange()

    def narrow(self, words: str) -> None:
        """Show only rows with all these words, in cells or id; ``!`` in front turns it around."""
        self.filter = words
        self._arrange()

    def _arrange(self) -> None:
        """Filter and sort, keep the cursor on its object and the object on its line."""
        line = self.cursor - self.scroll_offset.y
        rows = [row for row in self._rows or () if self._matches(row)]
        if self._sorted is not None:
            column = self._sorted
            rows.sort(key=lambda row: self._sort_key(row, column), reverse=self._is_reversed)
        self._shown = rows
        at = self._find(self._cursor_id) if self.is_placed and not self.is_following else 0
        self.set_reactive(ResourceTable.cursor, max(0, min(at, len(rows) - 1)))
        if self.row is not None:
            self._cursor_id = self._name_of(self.row)
        self._measure()
        self.virtual_size = Size(self.scrollable_content_region.width, len(rows) + 1)
        if self.is_mounted:
            self.scroll_to(y=max(0, self.cursor - line), animate=False, immediate=True)
        self._entitle()
        self.refresh()

    def _find(self, name: str) -> int:
        for at, row in enumerate(self._shown):
            if self._name_of(row) == name:
                return at
        return self.cursor

    def _name_of(self, row: Object) -> str:
        return plain(row.get(self._row_id), self._look)

    def _matches(self, row: Object) -> bool:
        is_inverted = self.filter.startswith("!")
        words = self.filter.removeprefix("!").lower().split()
        if not words:
            return True
        cells = table.cells(row, self.view.columns, self._look)
        text = " ".join((self._name_of(row), *cells)).lower()
        return all(word in text for word in words) != is_inverted

    def _sort_key(self, row: Object, column: Column) -> tuple[int, float, str]:
        value: Json = table.value_of(row, column) if column.field else None
        if isinstance(value, bool | int | Decimal):
            return (1, float(value), "")
        text = safe.line(column.show(table.value_of(row, column), self._look))
        return (0 if value is None and column.field else 2, 0.0, text.lower())

    def _measure(self) -> None:
        columns = self.view.columns
        first = max(0, self.scroll_offset.y)
        sample = self._shown[first : first + _MEASURED]
        texts = [table.cells(row, columns, self._look) for row in sample]
        widest = table.natural_widths(texts, columns)
        widths = [
            _usual(column, widest[at], [line[at] for line in texts])
            for at, column in enumerate(columns)
        ]
        before = self._natural or widths
        self._layout.clear()
        self._natural = [max(pair) for pair in zip(widths, before, strict=True)]
        self._widest = [max(pair) for pair in zip(widest, self._natural, strict=True)]

    def _entitle(self) -> None:
        whole, here = len(self._rows or ()), len(self._shown)
        found = f"{here:,} of {whole:,}" if self.filter else f"{whole:,}"
        parts: list[tuple[str, str] | str] = [(f"{self.heading} ", "bold"), (found, "dim")]
        if self.filter:
            parts.append((f" /{self.filter}", "accent"))
        if self._marks:
            parts.append((f" {len(self._marks)} marked", "accent"))
        self.border_title = looks.line(*parts)
        glyphs = looks.glyphs(self._look)
        notes = [self.note] if self.note else []
        if self.problem and self._shown:
            notes = [f"old: {self.problem}"]
        if self._sorted is not None:
            way = glyphs.down if self._is_reversed else glyphs.up
            notes.append(f"by {self._sorted.title.lower()} {way}")
        if self.is_following:
            notes.append("following")
        self.border_subtitle = looks.text(f" {glyphs.dot} ".join(notes), "dim")

    def _columns(self, room: int) -> tuple[list[int], list[int]]:
        if room not in self._layout:
            self._layout[room] = self._laid_out(room)
        return self._layout[room]

    def _laid_out(self, room: int) -> tuple[list[int], list[int]]:
        columns = self.view.columns
        is_shown = [not column.is_wide for column in columns]
        narrow = [column for column, wanted in zip(columns, is_shown, strict=True) if wanted]
        places = [at for at, wanted in enumerate(is_shown) if wanted]
        if sum(self._natural) + _GAP * (len(columns) - 1) <= room:
            return self._filled(list(range(len(columns))), list(self._natural), room)
        found = table.layout([self._natural[at] for at in places], narrow, room, may_leave_out=True)
        return self._filled([places[at] for at in found[0]], found[1], room)

    def _filled(
        self, shown: list[int], widths: list[int], room: int
    ) -> tuple[list[int], list[int]]:
        """Give the room that is left to columns with cut texts, first where least is missing."""
        left = room - sum(widths) - _GAP * (len(widths) - 1)
        missing = [self._widest[place] - width for place, width in zip(shown, widths, strict=True)]
        for at in sorted(range(len(shown)), key=missing.__getitem__):
            more = max(0, min(left, missing[at]))
            widths[at] += more
            left -= more
        return shown, widths

    def render_line(self, y: int) -> Strip:
        """Draw one line: the header, a row, or why there is none."""
        width = self.scrollable_content_region.width
        if not self._natural:
            self._measure()
        if not self._shown:
            return self._empty_line(y, width)
        if y == 0:
            return self._header(width)
        at = y - 1 + self.scroll_offset.y
        base = self.get_component_rich_style("table--row")
        if at >= len(self._shown):
            return Strip.blank(width, base)
        return self._row_line(at, width)

    def _header(self, width: int) -> Strip:
        style = self.get_component_rich_style("table--header")
        lit = self.get_component_rich_style("table--sorted")
        glyphs = looks.glyphs(self._look)
        segments = [Segment(" " * _GUTTER, style)]
        for at, cells in zip(*self._columns(width - _GUTTER - _MARGIN), strict=True):
            column = self.view.columns[at]
            title = column.title
            if column is self._sorted:
                title += glyphs.down if self._is_reversed else glyphs.up
            text = table.fit(title, cells, column, self._look)
            segments += [
                Segment(text, lit if column is self._sorted else style),
                Segment(" " * _GAP, style),
            ]
        return Strip(segments).adjust_cell_length(width, style)

    def _row_line(self, at: int, width: int) -> Strip:
        row = self._shown[at]
        is_cursor = at == self.cursor
        is_marked = self._name_of(row) in self._marks
        base = self.get_component_rich_style("table--row")
        over = self.get_component_rich_style("table--cursor") if is_cursor else Style()
        glyphs = looks.glyphs(self._look)
        texts = table.cells(row, self.view.columns, self._look)
        gutter = glyphs.cursor if is_cursor else " "
        sign = glyphs.mark if is_marked else " "
        mark = self.get_component_rich_style("table--mark")
        segments = [
            Segment(gutter, base + mark + _back(over)),
            Segment(sign, base + mark + _back(over)),
        ]
        for place, cells in zip(*self._columns(width - _GUTTER - _MARGIN), strict=True):
            column = self.view.columns[place]
            tone = _TONES.get(table.tone_of(row, column), "")
            style = base + over
            if tone:
                style = base + self.get_component_rich_style(f"table--{tone}") + _back(over)
            text = table.fit(texts[place], cells, column, self._look)
            segments += [Segment(text, style), Segment(" " * _GAP, base + over)]
        return Strip(segments).adjust_cell_length(width, base + over)

    def _empty_line(self, y: int, width: int) -> Strip:
        style = self.get_component_rich_style("table--empty")
        if y != min(2, max(0, self.size.height - 1)):
            return Strip.blank(width, style)
        words = self.view.empty
        if self._rows is None:
            words = f"asking the gateway {looks.glyphs(self._look).more}"
        elif self.filter and self._rows:
            words = f"nothing matches /{self.filter} - esc shows all"
        elif self.problem:
            words, style = self.problem, style + self.get_component_rich_style("table--bad")
        text = safe.line(words)
        content = Content(text).truncate(max(0, width - 4))
        pad = (width - content.cell_length) // 2
        return Strip([Segment(" " * pad + content.plain, style)]).adjust_cell_length(width, style)

    def watch_cursor(self, cursor: int) -> None:
        """Keep the cursor's row in sight."""
        if self.row is not None:
            self._cursor_id = self._name_of(self.row)
        # The header covers the first line of what is scrolled.
        self.scroll_to_region(Region(0, cursor, 1, 2), animate=False, immediate=True, force=True)
        self.refresh()

    def _move(self, to: int) -> None:
        self.is_following, self.is_placed = False, True
        self.cursor = max(0, min(to, len(self._shown) - 1))
        self._entitle()
        self.post_message(self.Moved())

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - 2)

    def action_up(self) -> None:
        """One row up."""
        self._move(self.cursor - 1)

    def action_down(self) -> None:
        """One row down."""
        self._move(self.cursor + 1)

    def action_page_up(self) -> None:
        """One page up."""
        self._move(self.cursor - self._page)

    def action_page_down(self) -> None:
        """One page down."""
        self._move(self.cursor + self._page)

    def action_top(self) -> None:
        """To the first row."""
        self._move(0)

    def action_bottom(self) -> None:
        """To the last row."""
        self._move(len(self._shown) - 1)

    def action_follow(self) -> None:
        """Stay on the first row whatever comes, or stop that."""
        self.is_following = not self.is_following
        self._arrange()

    def action_mark(self) -> None:
        """Mark the row, or unmark it, and go on to the next."""
        if self.row is not None:
            self._marks ^= {self._name_of(self.row)}
            self.is_following, self.is_placed = False, True
            self.cursor = min(self.cursor + 1, len(self._shown) - 1)
            self._entitle()
            self.post_message(self.Moved())
            self.refresh()

    def unmark(self) -> bool:
        """Forget all marks; say whether there were any."""
        had, self._marks = bool(self._marks), set()
        self._arrange()
        return had

    def action_sort(self) -> None:
        """Sort by the next column; after the last one by none."""
        columns = [
            self.view.columns[at] for at in self._columns(self.size.width - _GUTTER - _MARGIN)[0]
        ]
        at = columns.index(self._sorted) + 1 if self._sorted in columns else 0
        self._sorted = columns[at] if at < len(columns) else None
        # Of a number the greatest is wanted first.
        self._is_reversed = self._sorted is not None and self._sorted.is_right
        self._arrange()

    def action_reverse(self) -> None:
        """Turn the order around."""
        if self._sorted is not None:
            self._is_reversed = not self._is_reversed
            self._arrange()

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens."""
        at = event.y - self.gutter.top - 1 + self.scroll_offset.y
        if 0 <= at < len(self._shown) and event.y - self.gutter.top >= 1:
            self._move(at)
            if event.chain > 1:
                self.action_open_row()

    def on_resize(self) -> None:
        """Take the new width."""
        self._natural = []
        self._arrange()


def _usual(column: Column, widest: int, texts: Sequence[str]) -> int:
    """Return a width in which most texts fit: one long name does not narrow all other columns."""
    if not column.is_flexible or not texts:
        return widest
    lengths = sorted(cell_len(text) for text in texts)
    return max(cell_len(column.title), lengths[(len(lengths) - 1) * 95 // 100])


def _back(style: Style) -> Style:
    """Return only the background of a style."""
    return Style(bgcolor=style.bgcolor)
