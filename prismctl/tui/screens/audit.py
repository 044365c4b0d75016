"""Who changed what: the newest entries of the audit log, and whether its chain is whole."""

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from prismctl.commands.audit_views import changes
from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, keys, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject, subject_at
from prismctl.tui.screens import answers
from prismctl.tui.screens import words as typed
from prismctl.tui.widgets.detail import Detail
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet

VERIFY_PATH = "/-/audit/verify"
ASKED_S = 10.0
ONLY = {"action": "action", "object": "object_id"}
"""Filters as they are typed, and as the gateway has them."""
_HASH = 12


def _moment(value: Json, look: Look) -> str:
    """Write a time: of today without the day."""
    text = as_text(value)
    if not look.is_people or len(text) < len("2026-11-26T12:00:00"):
        return text
    day, time = text[:10], text[11:19]
    return time if day == f"{look.now:%Y-%m-%d}" else f"{day[5:]} {time[:5]}"


_ENTRIES = View(
    columns=(
        Column("TIME", "created_at", _moment),
        Column("WHO", "actor"),
        Column("FROM", "ip", rank=1),
        Column("ACTION", "action"),
        Column("OBJECT", "object_id", is_flexible=True),
        Column("CHANGES", "changes", changes, is_flexible=True, least=16),
    ),
    empty="nothing has been changed",
)
_ENTRY = View(
    columns=(
        Column("NUMBER", "id"),
        Column("TIME", "created_at", human.moment),
        Column("WHO", "actor"),
        Column("FROM", "ip"),
        Column("REQUEST", "request_id"),
        Column("ACTION", "action"),
        Column("OBJECT", "object_id"),
        Column("CHANGES", "changes", changes),
        Column("HASH", "hash"),
    ),
)


class Audit(Pane):
    """The seventh screen."""

    contexts: ClassVar[tuple[str, ...]] = ("audit", "rows", "subject")
    BINDINGS = keys.bindings("audit")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._only: dict[str, str] = {}
        self._verdict: Object | None = None
        self._head = ""
        """Told by an earlier look: an entry cut off at the end since then is missed."""
        self._checked_s = 0.0
        self._now_s = 0.0
        self._chain = Sheet()
        self._chain.add_class("facts")
        self._chain.border_title = looks.text("Chain")
        self._table = ResourceTable(_ENTRIES, "Changes", cockpit.look)

    def compose(self) -> ComposeResult:
        """The verdict over the table."""
        with Vertical():
            yield self._chain
            yield self._table

    @property
    def table(self) -> ResourceTable:
        """The entries."""
        return self._table

    @property
    def subject(self) -> Subject | None:
        """The entry under the cursor."""
        return subject_at(self._table, _ENTRY)

    @property
    def command(self) -> tuple[str, ...]:
        """What lists the same."""
        only = [word for name, value in self._only.items() for word in (f"--{name}", value)]
        return ("audit", "list", *only)

    @property
    def filter(self) -> str:
        """What is left out."""
        return " ".join(filter(None, (typed.shown(self._only), self._table.filter)))

    @property
    def path(self) -> str:
        """Where the entries are."""
        only = {ONLY[name]: value for name, value in self._only.items()}
        return f"/-/audit?{urlencode({'limit': '100', **only})}"

    def enter(self, argument: str) -> None:
        """Ask for the entries, those of ``object=ID`` for one; verify once."""
        if argument:
            self._only, rest = typed.parted(argument, ONLY, {})
            self._table.narrow(rest)
        self._want()
        if self._verdict is None:
            self.action_verify()

    def narrow(self, words: str) -> None:
        """Filter the table while it is typed."""
        self._table.narrow(typed.parted(words, ONLY, self._only)[1])

    def accept(self, words: str) -> None:
        """Filter the table, and at the gateway."""
        self._only, rest = typed.parted(words, ONLY, self._only)
        self._table.narrow(rest)
        self._want()
        self.cockpit.redraw()

    def _want(self) -> None:
        self.cockpit.feed.want({self.path: ASKED_S})

    def action_verify(self) -> None:
        """Recompute the chain."""
        self._verdict = {}
        noted = self._head or None
        self.cockpit.look_up(
            VERIFY_PATH, lambda admin: admin.verify_audit(noted_head=noted), self._take
        )

    def _take(self, answer: Object) -> None:
        self._verdict, self._checked_s = answer, self._now_s
        if answer.get("is_sound"):
            self._head = as_text(answer.get("head"))
        self.cockpit.redraw()

    def show(self, board: Board) -> None:
        """Draw verdict and entries."""
        look, self._now_s = self.cockpit.look, board.now_s
        if self._verdict and not self._checked_s:
            self._checked_s = board.now_s
        rows = _verdict(self._verdict or {}, self._checked_s, look)
        self._chain.show(lambda width, _: looks.fitted(rows, width, look))
        found = answers.rows(board, self.path)
        self._table.problem = answers.problem(board, self.path)
        self._table.note = typed.shown(self._only)
        if found is None and self.cockpit.feed.is_recorded:
            found = []
        self._table.show(found, look)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Show an entry in full."""
        event.stop()
        title = f"Change {as_text(event.row.get('id'))}"
        self.app.push_screen(Detail(title, entry(event.row, self.cockpit.look)))


def _verdict(verdict: Object, checked_s: float, look: Look) -> Content:
    """Say in a line whether the chain is whole."""
    error = as_text(as_object(verdict.get("error")).get("message"))
    if error:
        return looks.line((human.state("failed", look), "bad"), f" not verified: {error}")
    if not verdict:
        return looks.text(f"recomputing the chain {looks.glyphs(look).more}", "dim")
    dot = looks.glyphs(look).dot
    aside = [
        f"{human.number(verdict.get('entries'), look)} entries",
        f"head {as_text(verdict.get('head'))[:_HASH]}",
        f"verified {figures.clock(values.whole(int(checked_s)), look)}",
    ]
    tail = (f"  {f' {dot} '.join(aside)}", "dim")
    if not verdict.get("is_sound"):
        broken = human.plain(verdict.get("first_broken"), look)
        reason = human.plain(verdict.get("reason"), look)
        said = f" entry {broken} is not what was written: {reason}"
        return looks.line((human.state("failed", look), "bad"), (said, "bad"), tail)
    if verdict.get("has_noted_head") is False:
        said = " entries were cut off at its end since the last look"
        return looks.line((human.state("failed", look), "bad"), (said, "bad"), tail)
    return looks.line((human.state("ok", look), "good"), " every entry fits", tail)


def entry(row: Object, look: Look) -> Content:
    """Draw an entry: what is known of it, and field by field what was before and what is since."""
    shown: Sequence[Column] = [one for one in _ENTRY.columns if one.field != "changes"]
    rows = [
        looks.line((f"{column.title.lower():<10}", "dim"), text)
        for column in shown
        if (text := column.show(row.get(column.field), look))
    ]
    made = as_object(row.get("changes"))
    rows += [Content(""), looks.text("WHAT CHANGED", "accent")]
    for field, pair in made.items():
        before, after = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)  # noqa: PLR2004
        rows.append(looks.text(field, "bold"))
        if before is not None:
            rows.append(looks.line(("  - ", "bad"), human.plain(before, look)))
        tone, text = ("dim", "nothing") if after is None else ("good", human.plain(after, look))
        rows.append(looks.line(("  + ", tone), (text, "dim" if after is None else "")))
    if not made:
        rows.append(looks.text("nothing is noted", "dim"))
    return looks.lines(rows)
