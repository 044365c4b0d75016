"""The strips above and below a screen: where one is, how the line is, which keys there are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from textual.content import Content

from prismctl.output.human import Look
from prismctl.tui import keys
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.key_table import Key
from prismctl.tui.registry import Entry
from prismctl.tui.widgets.sheet import Sheet

_ROOMY = 100
"""Cells from which the version is shown, too."""
_LINKS = {
    # state: (glyph, ASCII fall-back, tone)
    "live": ("●", "*", "good"),
    "polling": ("◐", "%", "warn"),
    "replay": ("▶", ">", "accent"),
    "ended": ("■", "#", "accent"),
    "connecting": ("○", "o", "dim"),
    "lost": ("✕", "x", "bad"),
    "denied": ("✕", "x", "bad"),
    "stale": ("▲", "!", "warn"),
}


def link(board: Board, look: Look) -> Content:
    """Return how the line to the gateway is: glyph, word and colour."""
    state = board.link.state
    if state in ("live", "polling") and board.is_stale:
        state = "stale"
    glyph, fallback, tone = _LINKS.get(state, _LINKS["connecting"])
    words = f"{glyph if look.is_unicode else fallback} {state}"
    if state in ("stale", "lost") and board.silence_s >= 1:
        words += f" {board.silence_s:.0f} s"
    return looks.text(words, tone)


class Header(Sheet):
    """One line: program, gateway, line, mode, version, time."""

    def __init__(self, name: str, url: str, *, is_writing: bool) -> None:
        super().__init__()
        self._gateway, self._url, self._is_writing = name, url, is_writing

    def tell(self, board: Board, look: Look, *, is_paused: bool) -> None:
        """Draw it."""
        self.show(lambda width, _: self._line(board, look, width, is_paused=is_paused))

    def _line(self, board: Board, look: Look, width: int, *, is_paused: bool) -> Content:
        now = datetime.fromtimestamp(board.now_s, UTC)
        right: list[Content] = []
        if is_paused:
            right.append(Content.styled(" PAUSED ", "$chip-warn"))
        right.append(link(board, look))
        if self._is_writing:
            right.append(Content.styled(" WRITE ", "$chip-bad"))
        else:
            right.append(looks.text("read-only", "dim"))
        if board.version and width >= _ROOMY:
            right.append(looks.text(f"v{board.version}", "dim"))
        right.append(looks.text(f"{now:%H:%M:%S}Z" if board.now_s else "--:--:--Z"))
        end = Content("  ").join(right)
        brand = Content.styled(" PRISM ", "$chip")
        where = looks.line(" ", (self._gateway, "bold"), "  ", (self._url, "dim"))
        room = max(0, width - brand.cell_length - end.cell_length - 3)
        return brand + looks.fitted(where, room, look) + "  " + end


class Tabs(Sheet):
    """One line: the screens by number, the one that is shown lit."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = [entry for entry in entries if entry.key]

    def light(self, current: Entry) -> None:
        """Draw it; names are cut where there is no room for all."""
        self.show(lambda width, _: self._line(current, width - 1))

    def _line(self, current: Entry, room: int) -> Content:
        longest = max((len(entry.title) for entry in self._entries), default=0)
        while longest > 1 and self._width(longest, current) > room:
            longest -= 1
        parts: list[Content] = []
        for entry in self._entries:
            if entry is current:
                parts.append(_lit(f" {entry.key} {entry.title} "))
            else:
                title = entry.title[:longest]
                parts.append(looks.line(" ", (entry.key, "accent"), " ", (title, "dim"), " "))
        if not current.key:
            parts.append(_lit(f" {current.title} "))
        return Content("").join(parts)

    def _width(self, longest: int, current: Entry) -> int:
        names = [
            entry.title if entry is current else entry.title[:longest] for entry in self._entries
        ]
        extra = 0 if current.key else len(current.title) + 2
        return sum(len(name) + 4 for name in names) + extra


class Footer(Sheet):
    """One line: the keys of this screen, or what completes a command."""

    def offer(self, rows: Sequence[Key], keymap: Mapping[str, str], look: Look) -> None:
        """Draw as many keys as there is room for; help and quit are always among them."""
        self.show(lambda width, _: _hints(rows, keymap, look, width))

    def say(self, words: Content, look: Look) -> None:
        """Draw something else instead."""
        self.show(lambda width, _: looks.fitted(words, width, look))


def _lit(words: str) -> Content:
    return Content.styled(words, "$chip")


def _hints(rows: Sequence[Key], keymap: Mapping[str, str], look: Look, width: int) -> Content:
    named = [row for row in rows if row.label]
    last = [row for row in named if row.action in ("help", "quit")]
    tail = [_hint(row, keymap) for row in last]
    room = width - sum(part.cell_length for part in tail)
    chosen: set[str] = set()
    for row in sorted(named, key=lambda row: row.rank):
        cells = _hint(row, keymap).cell_length
        if row not in last and cells <= room:
            room -= cells
            chosen.add(row.action)
    parts = [_hint(row, keymap) for row in named if row.action in chosen]
    return looks.fitted(Content("").join([*parts, *tail]), width, look)


def _hint(row: Key, keymap: Mapping[str, str]) -> Content:
    tone = "bad" if row.is_dangerous else "accent"
    return looks.line(" ", (keys.shown(row, keymap), tone), " ", (row.label, "dim"), " ")
