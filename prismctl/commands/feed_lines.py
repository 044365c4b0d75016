"""Events of the feed as lines: aligned and coloured in a terminal, tab-separated in a pipe.

The columns are wide from the first line on: what comes later must not move what is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prismctl.commands import feed_topics
from prismctl.jsontext import Json, Object, as_text, pick
from prismctl.output import human, safe, table
from prismctl.output.human import Look
from prismctl.output.table import Column

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal

_REFUSED, _FAILED = 400, 500
_WORDS = {"ok": ("●", "*", "green"), "cut off": ("▲", "!", "yellow")} | {
    "refused": ("▲", "!", "yellow"),
    "failed": ("✕", "x", "red"),
}
_GAP = 2
_MARK = 9
"""How wide the word before an event is that is no call."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column of calls, and how wide it is."""

    column: Column
    width: int
    rank: int = 0
    """Not 0: left out where there is no room, the highest first."""


def time(value: Json, look: Look) -> str:
    """Write a time of the feed: of day for people, whole in a pipe; both are UTC."""
    if not isinstance(value, int | Decimal):
        return ""
    try:
        moment = datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return human.plain(value, look)
    text = moment.isoformat(timespec="milliseconds").removesuffix("+00:00")
    return text[11:19] if look.is_people else f"{text}Z"


def outcome(value: Json) -> str:
    """Return how a call ended, as one word."""
    status = pick(value, "status")
    if not isinstance(status, int) or status >= _FAILED:
        return "failed"
    if status >= _REFUSED:
        return "refused"
    return "cut off" if pick(value, "is_complete") is False else "ok"


def _status(value: Json, look: Look) -> str:
    word = outcome(value)
    glyph, fallback, _ = _WORDS[word]
    status = human.plain(pick(value, "status"), look)
    return f"{glyph if look.is_unicode else fallback} {word} {status}".rstrip()


def _status_tone(value: Json) -> str:
    return _WORDS[outcome(value)][2]


def _key(value: Json, look: Look) -> str:
    return human.plain(pick(value, "key_name") or pick(value, "key_id"), look)


def _route(value: Json, look: Look) -> str:
    model, provider = (human.plain(pick(value, name), look) for name in ("model", "provider"))
    upstream = human.plain(pick(value, "upstream_model"), look)
    if not provider:
        return model
    if model in (f"{provider}/{upstream}", provider):
        return model
    there = provider if upstream in ("", model) else f"{provider} ({upstream})"
    return f"{model} {'→' if look.is_unicode else '->'} {there}"


def _tokens(value: Json, look: Look) -> str:
    numbers = [human.number(pick(value, f"{way}_tokens"), look) for way in ("input", "output")]
    return "/".join(numbers) if any(numbers) else ""


_CALL = (
    _Cell(Column("TIME", "ts_s", time), 8),
    _Cell(Column("STATUS", "", _status, _status_tone), 13),
    _Cell(Column("KEY", "", _key, is_name=True), 12, 1),
    _Cell(Column("MODEL", "", _route), 20),
    _Cell(Column("IN/OUT", "", _tokens, is_right=True), 13, 2),
    _Cell(Column("COST", "cost", human.money, is_right=True), 10),
    _Cell(Column("FIRST", "first_byte_ms", human.millis, is_right=True), 7, 3),
    _Cell(Column("TOTAL", "latency_ms", human.millis, is_right=True), 7),
)
_FLEXIBLE = 3
"""The column that takes the room that is left: model and provider."""
_ERROR_ROOM = 22
"""For the error code, which comes last."""
_FIELDS = (
    ("request_id", human.plain),
    ("status", human.plain),
    ("error_code", human.plain),
    ("key_id", human.plain),
    ("key_name", human.plain),
    ("model", human.plain),
    ("provider", human.plain),
    ("upstream_model", human.plain),
    ("input_tokens", human.plain),
    ("output_tokens", human.plain),
    ("cost", human.plain),
    ("first_byte_ms", human.plain),
    ("latency_ms", human.plain),
)
"""What a call's line holds in a pipe, after its time and the word ``call``."""


class Lines:
    """Writes events for one look and one terminal."""

    def __init__(self, look: Look, terminal: "Terminal") -> None:
        self._look = look
        self._terminal = terminal
        self._cells = _fitting(terminal.width)

    def head(self) -> str:
        """Return the titles of what a call's line holds; for a pipe the names of its fields."""
        if not self._look.is_people:
            return "\t".join(("time", "event", *(name for name, _ in _FIELDS))) + "\n"
        titles = [
            table.fit(cell.column.title, cell.width, cell.column, self._terminal)
            for cell in self._cells
        ]
        return self._terminal.paint_out("  ".join([*titles, "ERROR"]), "dim") + "\n"

    def line(self, event: Object) -> str:
        """Return an event as a line."""
        topic = as_text(event.get("type"))
        if topic == "call":
            return self._call(event)
        if topic == "gap":
            return self.aside(feed_topics.gap(event))
        tone, text = feed_topics.told(topic, event, self._look)
        when = time(event.get("ts_s"), self._look)
        if not self._look.is_people:
            return f"{when}\t{safe.line(topic)}\t{safe.line(text)}\n"
        mark = f"{safe.line(topic):<{_MARK}}"
        paint = self._terminal.paint_out
        return f"{when:<8}  {paint(mark, *((tone,) if tone else ('dim',)))}  {safe.line(text)}\n"

    def aside(self, text: str) -> str:
        """Return a remark between the lines."""
        if not self._look.is_people:
            return f"\tgap\t{safe.line(text)}\n"
        dots = "…" if self._look.is_unicode else "..."
        return self._terminal.paint_out(f"{dots} {safe.line(text)}", "dim") + "\n"

    def bodies(self, event: Object) -> str:
        """Return what was asked and answered, where the feed says it."""
        dots = "…" if self._look.is_unicode else "..."
        lines: list[str] = []
        for title, name in (("request ", "request_body"), ("response", "response_body")):
            if text := human.plain(event.get(name), self._look):
                whole = text + (f" {dots}" if event.get(f"is_{name}_cut") else "")
                margin = f"    {self._terminal.paint_out(title, 'dim')}  "
                lines += [f"{margin}{line}\n" for line in safe.block(whole).splitlines()]
        return "".join(lines)

    def _call(self, event: Object) -> str:
        shown = event | {"cost": cost(event)}
        if not self._look.is_people:
            cells = [safe.line(show(shown.get(name), self._look)) for name, show in _FIELDS]
            return "\t".join([time(event.get("ts_s"), self._look), "call", *cells]) + "\n"
        columns = [cell.column for cell in self._cells]
        texts = table.cells(shown, columns, self._look)
        parts = [
            table.toned(
                table.fit(text, cell.width, cell.column, self._terminal),
                shown,
                cell.column,
                self._terminal,
            )
            for text, cell in zip(texts, self._cells, strict=True)
        ]
        error = safe.line(human.plain(event.get("error_code"), self._look))
        return "  ".join([*parts, error]).rstrip() + "\n"


def cost(event: Object) -> Json:
    """Return a call's cost in dollars; None when it has no price."""
    nano = event.get("cost_nano_usd")
    if isinstance(nano, bool) or not isinstance(nano, int):
        return event.get("cost")
    return Decimal(nano).scaleb(-9).normalize()


def _fitting(width: int) -> Sequence[_Cell]:
    """Return the columns for this width: some left out, one as wide as can be."""
    cells = list(_CALL)

    def taken() -> int:
        return sum(cell.width + _GAP for cell in cells)

    while taken() > width + _GAP:
        least = max(cells, key=lambda cell: cell.rank)
        if not least.rank:
            break
        cells.remove(least)
    left = width - taken() - _ERROR_ROOM
    at = cells.index(_CALL[_FLEXIBLE])
    if left > 0:
        cells[at] = _Cell(cells[at].column, cells[at].width + min(left, 40))
    return cells
