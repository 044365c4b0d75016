"""What the gateway warned of, and what happened to it, newest first; whole under the table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, keys, notices, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject, subject_at
from prismctl.tui.widgets.detail import Detail
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet

TOPICS = ("node", "config", "provider", "job", "key", "budget", "ledger", "gap")
"""Of the events that are lines here, too. Calls and refusals are too many: those are Traffic's."""
_RANKS = {"critical": 3, "error": 2, "warning": 1}
LEVELS = ("all", "warnings and errors", "errors only")
"""What is shown, by the least rank."""
_WORDS = {"warn": "warning", "fatal": "critical"}


def _message(value: Json, look: Look) -> str:
    """Write a message, and how often it came."""
    row = as_object(value)
    often = figures.times(row.get("count"), look)
    return f"{often} {as_text(row.get('message'))}".lstrip()


def _logger(value: Json, look: Look) -> str:
    """Write who said it: of our own modules without the name of the program."""
    return human.plain(value, look).removeprefix("prismd.")


_LINES = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("LEVEL", "level", human.state, human.tone),
        Column("FROM", "logger", _logger, is_flexible=True, rank=1),
        Column("MESSAGE", "", _message, is_flexible=True, least=24),
    ),
    name="name",
    empty="no warnings, no events: all is quiet",
)
_LINE = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("LEVEL", "level", human.state, human.tone),
        Column("FROM", "logger"),
        Column("NODE", "node"),
        Column("TIMES", "count", human.number),
        Column("MESSAGE", "message"),
    ),
    name="name",
)


class Logs(Pane):
    """The ninth screen."""

    contexts: ClassVar[tuple[str, ...]] = ("logs", "rows", "subject")
    BINDINGS = keys.bindings("logs")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._level = 0
        self._table = ResourceTable(_LINES, "Log", cockpit.look)
        self._table.is_following = True
        self._whole = Sheet()
        self._whole.add_class("facts")
        self._whole.border_title = looks.text("Message")

    def compose(self) -> ComposeResult:
        """The lines, and the one under the cursor in full."""
        with Vertical():
            yield self._table
            yield self._whole

    @property
    def table(self) -> ResourceTable:
        """The lines."""
        return self._table

    @property
    def subject(self) -> Subject | None:
        """The line under the cursor."""
        return subject_at(self._table, _LINE, key="name")

    @property
    def command(self) -> tuple[str, ...]:
        """What follows the same topics."""
        return ("tail", "--topics", ",".join(("log", *TOPICS[:-1])))

    def action_level(self) -> None:
        """Show more, or only what is worse."""
        self._level = (self._level + 1) % len(LEVELS)
        self.cockpit.redraw()

    def show(self, board: Board) -> None:
        """Draw the lines."""
        look = self.cockpit.look
        rows = [row for row in lines(board) if rank(row.get("level")) >= self._level]
        began = min((values.real(row.get("ts_s")) for row in rows), default=0.0)
        dot = f" {looks.glyphs(look).dot} "
        since = figures.clock(values.whole(int(began)), look)
        parts = [LEVELS[self._level]]
        if since:
            parts.append(f"from {since}, the oldest that is still known")
        if board.missed:
            parts.append(f"{board.missed:,} missed")
        self._table.note = dot.join(parts)
        self._table.show(None if board.link.state == "connecting" and not rows else rows, look)
        self._draw_whole()

    def _draw_whole(self) -> None:
        row, look = self._table.row, self.cockpit.look
        message = as_text(row.get("message")) if row else ""
        logger = as_text(row.get("logger")) if row else ""
        self._whole.border_title = looks.line(("Message ", "bold"), (logger, "dim"))
        self._whole.show(lambda width, height: _wrapped(message, width, height, look))

    def on_resource_table_moved(self) -> None:
        """Show the line that the cursor has come to."""
        self._draw_whole()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Show a line in full."""
        event.stop()
        row, look = event.row, self.cockpit.look
        head = [
            looks.line((f"{name:<7}", "dim"), text)
            for name, text in (
                ("time", figures.clock(row.get("ts_s"), look)),
                ("from", human.plain(row.get("logger"), look)),
                ("node", human.plain(row.get("node"), look)),
                ("times", figures.times(row.get("count"), look)),
            )
            if text
        ]
        level = as_text(row.get("level"))
        body = looks.block(as_text(row.get("message")))
        rows = [looks.state(level, look), *head, Content(""), body]
        self.app.push_screen(Detail("Message", looks.lines(rows)))


def lines(board: Board) -> list[Object]:
    """Return the log and what else happened, newest first."""
    rows = [_of_log(event, at) for at, event in enumerate(reversed(board.log))]
    rows += [_of_notice(one) for one in board.notices if one.topic in TOPICS]
    return sorted(rows, key=lambda row: -values.real(row.get("ts_s")))


def rank(level: Json) -> int:
    """Return how bad it is; 0 for what is no warning."""
    return _RANKS.get(as_text(level), 0)


def _of_log(event: Object, at: int) -> Object:
    level = as_text(event.get("level")).lower()
    number = values.whole(event.get("id")) or at
    return {
        "name": f"log {number}",
        "ts_s": event.get("ts_s"),
        "level": _WORDS.get(level, level),
        "logger": values.text(event.get("logger")),
        "node": values.text(event.get("node")),
        "message": values.text(event.get("message")),
        "count": 1,
    }


def _of_notice(notice: notices.Notice) -> Object:
    return {
        "name": f"{notice.topic} {notice.text}",
        "ts_s": int(notice.ts_s),
        "level": notice.level,
        "logger": notice.topic,
        "message": notice.text,
        "count": notice.count,
    }


def _wrapped(message: str, width: int, height: int, look: Look) -> Content:
    """Return a message on as many lines as there are."""
    if not message or width <= 0:
        return Content("")
    rows = looks.block(message).wrap(width)
    if len(rows) > height > 0:
        rows = [*rows[: height - 1], looks.fitted(rows[height - 1] + " ...", width, look)]
    return looks.lines(rows)
