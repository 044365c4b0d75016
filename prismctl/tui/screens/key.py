"""One key: its budgets, credits and limits, what it used in a day, its newest calls."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from prismctl.commands.key_views import KEY
from prismctl.jsontext import Object, as_objects, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, values
from prismctl.tui import look as looks
from prismctl.tui.board import MAX_CALLS, Board
from prismctl.tui.pane import Cockpit, Subject
from prismctl.tui.registry import KEYS_PATH
from prismctl.tui.screens import answers, gauges, key_rows, spent
from prismctl.tui.screens.call_views import CALL
from prismctl.tui.screens.key_actions import KeyPane
from prismctl.tui.widgets import facts
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet

CALLS = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("STATUS", "status", figures.status, figures.status_tone),
        Column("MODEL", "model", is_flexible=True),
        Column("PROVIDER", "provider", is_flexible=True, rank=2),
        Column("TOTAL", "latency_ms", figures.millis, is_right=True),
        Column("TOKENS", "", figures.tokens, is_right=True, rank=1),
        Column("COST", "cost_nano_usd", figures.cost, is_right=True),
        Column("ERROR", "error_code", is_flexible=True, rank=3),
    ),
    name="request_id",
    empty="no calls of it among the newest",
)
_CREDITS = 5
"""Newest ones that are shown."""
_NEWEST = 100


class Key(KeyPane):
    """Opened from the table of keys. The answers of one key's paths are asked when it is opened."""

    contexts: ClassVar[tuple[str, ...]] = ("keys", "rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._key_id = ""
        self._read: dict[str, Object] = {}
        self._sheet = Sheet()
        self._box = VerticalScroll(self._sheet)
        self._calls = ResourceTable(CALLS, "Newest calls", cockpit.look)

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
    def key(self) -> Object:
        """The key; empty while it is awaited, or where there is none."""
        for row in self.known:
            if row.get("id") == self._key_id:
                return row
        alone = self._read.get("key", {})
        return alone if alone.get("id") == self._key_id else {}

    @property
    def chosen(self) -> Sequence[Object]:
        """The key."""
        return [self.key] if self.key else []

    def changed(self) -> None:
        """Ask again for what only this screen asks for."""
        self.enter(self._key_id)

    @property
    def subject(self) -> Subject | None:
        """The key; the call under the cursor, while somebody is among the calls."""
        row = self._calls.row
        if row is not None and self._calls.is_placed:
            return Subject(id=as_text(row.get("request_id")), body=row, view=CALL)
        return Subject(id=self._key_id, body=self.key, view=KEY) if self.key else None

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        key = self.key
        return ("keys", "get", key_rows.word(key, self.known)) if key else ("keys", "list")

    def enter(self, argument: str) -> None:
        """Ask for the key, what was added to it, what it used, and its newest calls."""
        if not argument:
            return
        if argument != self._key_id:
            self._read = {}
            self._box.scroll_home(animate=False)
        self._key_id = argument
        name = answers.segment(argument)
        paths = {
            "key": f"/-/keys/{name}",
            "credits": f"/-/keys/{name}/credits?limit={_CREDITS}",
            "usage": answers.usage(group_by="hour,model", key=argument, since="24h"),
            "calls": f"/-/requests?limit={_NEWEST}&key={name}",
        }
        for what, path in paths.items():
            self._fetch(what, path)

    def _fetch(self, what: str, path: str) -> None:
        asked = self._key_id

        def take(answer: Object) -> None:
            if asked == self._key_id:
                self._read = {**self._read, what: answer}
                self.cockpit.redraw()

        self.cockpit.read(path, take)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open the trace of a call."""
        event.stop()
        self.cockpit.open(f"trace {as_text(event.row.get('request_id'))}")

    def show(self, board: Board) -> None:
        """Draw the key and its calls."""
        self.board = board
        look, key = self.cockpit.look, self.key
        name = key_rows.name_of(key) or self._key_id or "Key"
        self._box.border_title = looks.line(
            (f"{name} ", "bold"), looks.state(key_rows.status(key), look) if key else ""
        )
        self._box.border_subtitle = looks.text(answers.problem(board, KEYS_PATH), "red")
        self._sheet.show(lambda width, _: looks.lines(self._drawn(key, width, look)))
        calls = calls_of(board, {"key_id": self._key_id}, self._read.get("calls"))
        self._calls.show(calls, look)

    def _drawn(self, key: Object, width: int, look: Look) -> list[Content]:
        if not key:
            more = looks.glyphs(look).more
            words = answers.refusal(self._read.get("key", {})) or (
                f"asking the gateway {more}" if self._key_id else "open a key in Keys with enter"
            )
            return [looks.text(words, "yellow")]
        half = facts.half_of(width)
        money = facts.beside(
            _budgets(key, half, look),
            _used(self._read.get("usage"), half, look),
            width,
            look,
        )
        about = facts.beside(
            [facts.heading("limits"), *facts.columns(_limits(key, look), half, look)],
            _credits(key, self._read.get("credits"), half, look),
            width,
            look,
        )
        whose = [facts.heading("about"), *facts.columns(_about(key, look), width, look)]
        return [*money, Content(""), *about, Content(""), *whose]


def calls_of(board: Board, wanted: Object, stored: Object | None) -> list[Object]:
    """Return the newest calls of somebody: those that were stored, and those told since."""
    found: dict[str, Object] = {}
    for call in board.calls:
        if all(call.get(name) == value for name, value in wanted.items()):
            found[as_text(call.get("request_id"))] = call
    for row in values.objects((stored or {}).get("data"), MAX_CALLS):
        name = as_text(row.get("request_id")) or as_text(row.get("id"))
        found.setdefault(name, {**row, "request_id": name})
    return sorted(found.values(), key=lambda call: -values.real(call.get("ts_s")))


def _budgets(key: Object, width: int, look: Look) -> list[Content]:
    rows = [facts.heading("budgets")]
    budgets = as_objects(key.get("budgets"))
    rows += [gauges.line(one, width, look) for one in budgets]
    if not budgets:
        rows.append(looks.text("none: nothing limits what it spends", "dim"))
    return rows


def _used(answer: Object | None, width: int, look: Look) -> list[Content]:
    rows = [facts.heading("last 24 hours")]
    if answer is None:
        return [*rows, looks.text(f"asking the gateway {looks.glyphs(look).more}", "dim")]
    if problem := answers.refusal(answer):
        return [*rows, looks.fitted(looks.text(problem, "dim"), width, look)]
    used = spent.rows_of(answer)
    if not used:
        return [*rows, looks.text("no calls that reached a provider", "dim")]
    hour = look.now.replace(minute=0, second=0, microsecond=0)
    since = hour - timedelta(hours=23)
    return [
        *rows,
        spent.said(used, look),
        *spent.history(used, "hour", (since, hour + timedelta(hours=1)), width, look),
        *spent.shares(used, "model", {}, width, look),
    ]


def _limits(key: Object, look: Look) -> list[facts.Fact]:
    def many(name: str) -> str:
        return human.number(key.get(name), look) if key.get(name) is not None else "no limit"

    ends = human.moment(key.get("expires_at"), look)
    return [
        ("requests/min", many("rate_limit_rpm")),
        ("tokens/min", many("rate_limit_tpm")),
        ("at once", many("max_concurrency")),
        ("models", human.allowed(key.get("models"), look)),
        ("providers", human.allowed(key.get("providers"), look)),
        ("from", human.allowed(key.get("allowed_ips"), look)),
        ("tools", human.allowed(key.get("allowed_tools"), look)),
        ("not tools", human.plain(key.get("denied_tools"), look)),
        ("expires", ends or "never"),
    ]


def _about(key: Object, look: Look) -> list[facts.Fact]:
    return [
        ("owner", human.plain(key.get("owner"), look)),
        ("org", human.plain(key.get("org_id"), look)),
        ("tags", human.labels(key.get("metadata"), look)),
        ("key", human.plain(key.get("prefix"), look)),
        ("id", human.plain(key.get("id"), look)),
        ("created", human.when(key.get("created_at"), look)),
        ("last used", human.when(key.get("last_used_at"), look) or "never"),
    ]


def _credits(key: Object, answer: Object | None, width: int, look: Look) -> list[Content]:
    rows = [facts.heading("credits")]
    if key.get("key_type") != "managed":
        return [*rows, looks.text("billed elsewhere: it has none", "dim")]
    held = values.whole(key.get("credit_held_nano_usd"))
    balance = values.whole(key.get("credit_balance_nano_usd"))
    rows.append(
        looks.line(
            (human.dollars(key.get("credit_balance"), look), "bad" if balance <= 0 else "number"),
            (" left", "dim"),
            (f", {human.dollars(key.get('credit_held'), look)} held" if held else "", "dim"),
        )
    )
    if problem := answers.refusal(answer or {}):
        return [*rows, looks.fitted(looks.text(problem, "dim"), width, look)]
    for one in values.objects((answer or {}).get("data"), _CREDITS):
        line = looks.line(
            (f"{human.when(one.get('created_at'), look):>8}  ", "dim"),
            (f"{human.change(one.get('amount'), look):>10}", "good"),
            f"  {human.plain(one.get('note'), look)}",
        )
        rows.append(looks.fitted(line, width, look))
    return rows
