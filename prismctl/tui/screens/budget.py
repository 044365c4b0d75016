"""One budget: how far it is, at what pace, where the money went, and the calls that spend it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from prismctl.commands import amounts
from prismctl.commands.budget_views import BUDGET
from prismctl.jsontext import Object, as_text
from prismctl.output import bars, human
from prismctl.output.human import Look
from prismctl.tui import figures, forecast
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Subject
from prismctl.tui.registry import BUDGETS_PATH
from prismctl.tui.screens import (
    answers,
    budget_changes,
    gauges,
    spent,
    tight,
)
from prismctl.tui.screens.budget_actions import BudgetPane
from prismctl.tui.screens.call_views import CALL, CALLS
from prismctl.tui.widgets import facts
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet

_FIELDS = {"key": "key_id", "owner": "owner", "org": "org_id", "model": "model"}
"""Of a call, by the scope of a budget."""
_HOURS = 48
"""A window longer than that is drawn day by day."""


class Budget(BudgetPane):
    """Opened from the table of budgets."""

    contexts: ClassVar[tuple[str, ...]] = ("budgets", "rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._budget_id = ""
        self._asked = ""
        self._used: Object | None = None
        self._sheet = Sheet()
        self._box = VerticalScroll(self._sheet)
        self._calls = ResourceTable(CALLS, "Newest calls in it", cockpit.look)

    def compose(self) -> ComposeResult:
        """What is known of it, over its calls."""
        with Vertical():
            yield self._box
            yield self._calls

    @property
    def table(self) -> ResourceTable:
        """The calls."""
        return self._calls

    @property
    def budget(self) -> Object:
        """The budget; empty where there is none."""
        rows = answers.rows(self.board, BUDGETS_PATH) or ()
        return next((row for row in rows if row.get("id") == self._budget_id), {})

    @property
    def chosen(self) -> Sequence[Object]:
        """The budget."""
        return [self.budget] if self.budget else []

    @property
    def subject(self) -> Subject | None:
        """The budget; the call under the cursor, while somebody is among the calls."""
        row = self._calls.row
        if row is not None and self._calls.is_placed:
            return Subject(id=as_text(row.get("request_id")), body=row, view=CALL)
        return Subject(id=self._budget_id, body=self.budget, view=BUDGET) if self.budget else None

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        if not self.budget:
            return ("budgets", "list")
        return ("budgets", "get", *budget_changes.word(self.budget, self.known_keys))

    def enter(self, argument: str) -> None:
        """Be about a budget."""
        if argument != self._budget_id:
            self._used = None
            self._box.scroll_home(animate=False)
        self._budget_id, self._asked = argument, ""

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open the trace of a call."""
        event.stop()
        self.cockpit.open(f"trace {as_text(event.row.get('request_id'))}")

    def show(self, board: Board) -> None:
        """Draw the budget and its calls."""
        self.board = board
        look, budget = self.cockpit.look, self.budget
        self._box.border_title = looks.line(
            (f"{budget_changes.named(budget, self.names, look)} " if budget else "Budget", "bold"),
            looks.state(as_text(budget.get("state")), look) if budget else "",
        )
        self._box.border_subtitle = looks.text(answers.problem(board, BUDGETS_PATH), "red")
        if budget and not self._asked:
            self._report(budget)
        self._sheet.show(lambda width, _: looks.lines(self._drawn(budget, width, look)))
        self._calls.problem = "" if budget.get("scope") != "tag" else "calls are not told with tags"
        self._calls.show(_calls(board, budget), look)

    def _report(self, budget: Object) -> None:
        """Ask where the money went: the whole window, by time, and by who or what."""
        self._asked = asked = self._budget_id
        scope, subject = as_text(budget.get("scope")), as_text(budget.get("subject"))
        params = {"group_by": f"{_unit(budget, self.cockpit.look)},{_group(scope)}"}
        if scope == "model" and subject.endswith("*"):
            params["group_by"] += ",model"
        else:
            params[scope] = subject
        if starts := as_text(budget.get("window_starts_at")):
            params["since"] = starts

        def take(answer: Object) -> None:
            if asked == self._budget_id:
                self._used = answer
                self.cockpit.redraw()

        self.cockpit.read(answers.usage(**params), take)

    def _drawn(self, budget: Object, width: int, look: Look) -> list[Content]:
        if not budget:
            more = looks.glyphs(look).more
            words = "open a budget in Budgets with enter"
            if self._budget_id:
                words = f"asking the gateway {more}"
                if self.board.body(BUDGETS_PATH) is not None:
                    words = f"there is no budget {self._budget_id}"
            return [looks.text(words, "yellow")]
        half = facts.half_of(width)
        left = [
            _gauge(budget, half, look),
            Content(""),
            *facts.columns(_facts(budget, look), half, look),
        ]
        right = _went(budget, self._used, self.names, half, look)
        return facts.beside(left, right, width, look)


def _unit(budget: Object, look: Look) -> str:
    starts = forecast.moment(budget.get("window_starts_at"))
    is_short = starts is not None and look.now - starts <= timedelta(hours=_HOURS)
    return "hour" if is_short else "day"


def _group(scope: str) -> str:
    """Return what the money of a scope is told apart by."""
    return "model" if scope == "key" else "key"


def _gauge(budget: Object, width: int, look: Look) -> Content:
    used, _, limit = tight.nanos(budget)
    words = looks.line((f" {bars.percent(used, limit)}%", gauges.tone(budget)), (" spent", "dim"))
    return gauges.bar(budget, max(8, width - words.cell_length), look) + words


def _facts(budget: Object, look: Look) -> list[facts.Fact]:
    paced = forecast.pace(budget, look.now)
    window = amounts.window_word(as_text(budget.get("window")))
    warns = budget.get("warn_percent")
    at_limit = "refuses calls" if budget.get("hard") else "only warns"
    return [
        ("limit", f"{human.dollars(budget.get('limit'), look)} / {window}"),
        ("spent", human.money(budget.get("spent"), look)),
        ("left", human.money(budget.get("remaining"), look)),
        ("held", human.money(budget.get("held"), look)),
        ("pace", f"${figures.short(paced.dollars_per_h)} an hour" if paced.dollars_per_h else "-"),
        ("exhausted", gauges.pace(paced, look)),
        ("from", _day(budget, "window_starts_at", look) or "the beginning"),
        ("resets", human.when(budget.get("resets_at"), look) or "never"),
        ("at limit", at_limit),
        ("warns", f"at {human.plain(warns, look)}%" if warns else "-"),
        ("changed", human.when(budget.get("updated_at"), look)),
    ]


def _day(budget: Object, name: str, look: Look) -> str:
    return human.when(budget.get(name), look)


def _went(
    budget: Object,
    answer: Object | None,
    names: dict[str, str],
    width: int,
    look: Look,
) -> list[Content]:
    rows = [facts.heading("where it went")]
    if answer is None:
        return [*rows, looks.text(f"asking the gateway {looks.glyphs(look).more}", "dim")]
    if problem := answers.refusal(answer):
        return [*rows, looks.fitted(looks.text(problem, "dim"), width, look)]
    scope, subject = as_text(budget.get("scope")), as_text(budget.get("subject"))
    used = list(spent.rows_of(answer))
    if scope == "model" and subject.endswith("*"):
        used = [row for row in used if as_text(row.get("model")).startswith(subject[:-1])]
    if not used:
        return [*rows, looks.text("no calls that reached a provider", "dim")]
    unit = _unit(budget, look)
    return [
        *rows,
        spent.said(used, look),
        *spent.history(used, unit, _span(budget, used, unit, look), width, look),
        *spent.shares(used, _group(scope), names, width, look),
    ]


def _span(
    budget: Object, used: Sequence[Object], unit: str, look: Look
) -> tuple[datetime, datetime]:
    """Return what the history covers: the window so far, or all that was used."""
    starts = forecast.moment(budget.get("window_starts_at"))
    found = [at for row in used if (at := forecast.moment(row.get(unit))) is not None]
    return starts or min(found, default=look.now), look.now


def _calls(board: Board, budget: Object) -> list[Object]:
    scope, subject = as_text(budget.get("scope")), as_text(budget.get("subject"))
    field = _FIELDS.get(scope)
    if field is None:
        return []
    if scope == "model" and subject.endswith("*"):
        return [call for call in board.calls if as_text(call.get("model")).startswith(subject[:-1])]
    return [call for call in board.calls if call.get(field) == subject]
