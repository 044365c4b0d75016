"""One run of ``top``: where the numbers come from, and when they are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from prismctl import clock, spans
from prismctl.client.events import Events, State
from prismctl.commands import top_board
from prismctl.commands.keys import key_names
from prismctl.commands.price_views import NO_PRICE
from prismctl.commands.top_board import Board, Sums
from prismctl.errors import ApiError, Unreachable
from prismctl.jsontext import Json, Object, as_object, as_objects
from prismctl.output import bars, human, safe, table
from prismctl.output.human import Look
from prismctl.output.redraw import Redraw
from prismctl.output.render import Format
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

_SORT_FIELDS = {
    "calls": "calls",
    "errors": "errors",
    "cost": "cost_nano_usd",
    "tokens": "tokens_per_s",
    "latency": "latency_p95_ms",
}
_CENT = Decimal("0.01")
_MANY_ERRORS = Decimal("0.05")
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    by: str
    sort: str
    window_s: float
    interval_s: float
    limit: int | None


@dataclass
class Topping:
    """Shows one report after another."""

    session: "Session"
    asked: Asked
    _last: Object | None = None
    _trouble: str = ""
    _names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know where pictures are drawn."""
        self._redraw = Redraw(self.session.out.stream)

    def once(self) -> None:
        """Show the usage of the window."""
        out, answer = self.session.out, self._usage()
        if out.is_drawn:
            out.stream(_summary(answer, out.look) + "\n")
        out.list(answer, _view(answer, is_drawn=out.is_drawn, has_latency=False))

    def poll(self) -> None:
        """Show the usage of the window again and again."""
        while True:
            try:
                self._trouble, self._last = "", self._usage()
            except (Unreachable, ApiError) as error:
                is_passing = isinstance(error, Unreachable) or error.status >= _SERVER_ERROR
                if self._last is None or not is_passing:
                    raise
                self._trouble = error.message
            self._show(has_latency=False)
            clock.sleep(self.asked.interval_s)

    def follow(self) -> None:
        """Show what the ticks of the feed say, as they come."""
        board = Board(self.asked.window_s)
        due_s: float | None = None
        for item in Events(self.session.admin.http).follow(topics=("tick",), is_resuming=False):
            if isinstance(item, State):
                self._turn(item)
                continue
            if item.topic != "tick":
                continue
            board.take(item.body)
            at_s = top_board.moment_s(item.body)
            # A tick may come a little early; a clock that was set back must not stop the picture.
            if due_s is not None and due_s - self.asked.interval_s <= at_s < due_s - 0.1:
                continue
            due_s = at_s + self.asked.interval_s
            sums = board.sums(self.asked.by)
            self._last = self._report(sums, board.span_s, board.bounds_s, at_s, board.running)
            self._show(has_latency=True)

    def _turn(self, state: State) -> None:
        if state.kind == "lost":
            if self._last is None:
                raise Unreachable(
                    state.message, hint="is the gateway running? start one here with: prismctl up"
                )
            is_new, self._trouble = not self._trouble, state.message
            if is_new:
                self._show(has_latency=True)
        elif state.kind == "connected":
            self._trouble = ""

    def _usage(self) -> Object:
        by, now = self.asked.by, clock.now()
        since = spans.written(now - timedelta(seconds=self.asked.window_s))
        answer = self.session.admin.usage(group_by=by, since=since)
        sums = top_board.of_usage(answer, by)
        return self._report(sums, self.asked.window_s, (), now.timestamp(), None)

    def _report(
        self,
        sums: dict[str, Sums],
        span_s: float,
        bounds_s: Sequence[float],
        at_s: float,
        running: int | None,
    ) -> Object:
        rows: list[Object] = [
            {"name": name, **top_board.row(one, span_s, bounds_s)} for name, one in sums.items()
        ]
        rows.sort(key=partial(_order, self.asked.sort))
        everything = top_board.total(sums.values())
        shown: list[Json] = [*rows[: self.asked.limit]]
        return {
            "object": "top",
            "by": self.asked.by,
            "sort": self.asked.sort,
            "ts_s": Decimal(f"{at_s:.3f}"),
            "span_s": Decimal(f"{span_s:.1f}"),
            "running": running,
            "totals": top_board.row(everything, span_s, bounds_s),
            "data": shown,
        }

    def _show(self, *, has_latency: bool) -> None:
        session, report = self.session, as_object(self._last)
        session.look_again()
        out = session.out
        if out.format is Format.JSONL:
            if self._trouble:
                out.note(f"{self._trouble.rstrip('.')}; trying again", "yellow")
            else:
                out.value(report)
            return
        lines = [_summary(report, out.look)]
        if self._trouble:
            trouble = f"{safe.line(self._trouble.rstrip('.'))}; trying again"
            lines.append(out.terminal.paint_out(trouble, "red"))
        rows = as_objects(self._named(report).get("data"))
        view = _view(report, is_drawn=out.is_drawn, has_latency=has_latency)
        if rows:
            columns = [one for one in view.columns if out.format is Format.WIDE or not one.is_wide]
            lines.append(table.aligned(rows, columns, out.look, out.terminal, may_leave_out=True))
        else:
            lines.append(out.terminal.paint_out(view.empty, "dim"))
        self._redraw.draw("\n".join(lines), out.terminal)

    def _named(self, report: Object) -> Object:
        """Return a report in which people see the names of keys; new ones are looked up."""
        rows = as_objects(report.get("data"))
        if self.asked.by != "key":
            return report
        if any(row.get("name") not in self._names for row in rows):
            self._names = key_names(self.session)
        named: list[Json] = [
            row | {"name": self._names.get(str(row.get("name")), row.get("name"))} for row in rows
        ]
        return {**report, "data": named}


def _order(sort: str, row: Object) -> tuple[Decimal, str]:
    value = row.get(_SORT_FIELDS.get(sort, ""))
    return -Decimal(value) if isinstance(value, int | Decimal) else Decimal(0), str(row["name"])


def _summary(report: Object, look: Look) -> str:
    """Return the line above the table."""
    totals = as_object(report.get("totals"))
    span_s = report.get("span_s")
    parts = [
        f"{_plain_rate(totals.get('calls_per_s'), look)} req/s",
        f"{human.share(totals.get('error_share'), look)} errors",
        f"{_pace(totals.get('cost_per_hour'), look)}/h",
        f"{_plain_rate(totals.get('tokens_per_s'), look)} tokens/s",
    ]
    if (running := report.get("running")) is not None:
        parts.append(f"{human.number(running, look)} running")
    seconds = round(span_s) if isinstance(span_s, int | Decimal) else 0
    parts.append(f"last {seconds} s" if seconds else "measuring")
    return (" · " if look.is_unicode else "  ").join(parts)


def _view(report: Object, *, is_drawn: bool, has_latency: bool) -> View:
    """Return the columns: those that nobody measured are left out."""
    by, sort = str(report.get("by")), str(report.get("sort"))
    latency = (
        Column("P50", "latency_p50_ms", human.millis, is_right=True, rank=3),
        Column("P95", "latency_p95_ms", human.millis, is_right=True),
        Column("FIRST P95", "first_byte_p95_ms", human.millis, is_right=True, is_wide=True),
    )
    return View(
        columns=(
            Column(by.upper(), "name", _name, is_flexible=True, is_name=True),
            Column("REQ/S", "calls_per_s", _plain_rate, is_right=True),
            Column("CALLS", "calls", human.number, is_right=True, rank=4),
            Column("ERRORS", "errors", human.number, is_right=True, rank=2),
            Column("ERR %", "error_share", human.share, _error_tone, is_right=True),
            Column("TOK/S", "tokens_per_s", _plain_rate, is_right=True),
            Column("$/H", "" if is_drawn else "cost_per_hour", _hourly, _tone, is_right=True),
            *(latency if has_latency else ()),
            Column("COST", "cost", human.money, is_right=True, is_wide=True),
            Column("UNPRICED", "unpriced", human.number, is_right=True, is_wide=True),
            Column("SHARE", "", _share_of(report, sort), rank=1),
        ),
        name="name",
        empty="no calls in this time",
    )


def _share_of(report: Object, sort: str) -> Callable[[Json, Look], str]:
    """Return how a row's part of the whole is drawn; of latencies, its part of the longest."""
    name = _SORT_FIELDS.get(sort, "calls")
    rows = as_objects(report.get("data"))
    whole = as_object(report.get("totals")).get(name)
    if sort == "latency":
        values = [value for row in rows if isinstance(value := row.get(name), int | Decimal)]
        whole = max(values, default=0)

    def share(value: Json, look: Look) -> str:
        part = as_object(value).get(name)
        if not isinstance(part, int | Decimal) or not isinstance(whole, int | Decimal) or not whole:
            return ""
        of_whole = bars.bar(round(part * 1000), 0, round(whole * 1000), look)
        return f"{of_whole} {human.share(Decimal(part) / Decimal(whole), look):>6}"

    return share


def _name(value: Json, look: Look) -> str:
    return human.plain(value, look) or ("(none)" if look.is_people else "")


def _hourly(value: Json, look: Look) -> str:
    """Write dollars of an hour; what has no price is not free."""
    if not isinstance(value, dict):
        return human.plain(value, look)
    if _is_unpriced(value):
        return human.state(NO_PRICE, look)
    return _pace(value.get("cost_per_hour"), look)


def _pace(value: Json, look: Look) -> str:
    """Write a rate of dollars: to the cent for people, below it as other amounts."""
    if look.is_people and isinstance(value, int | Decimal):
        exact = Decimal(value)
        value = exact.quantize(_CENT) if exact >= _CENT else exact
    return human.money(value, look)


def _tone(value: Json) -> str:
    return human.tone(NO_PRICE) if _is_unpriced(as_object(value)) else ""


def _is_unpriced(row: Object) -> bool:
    calls = row.get("calls")
    return isinstance(calls, int) and 0 < calls == row.get("unpriced")


def _plain_rate(value: Json, look: Look) -> str:
    if not look.is_people or not isinstance(value, int | Decimal):
        return human.plain(value, look)
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004


def _error_tone(value: Json) -> str:
    if not isinstance(value, int | Decimal) or not value:
        return ""
    return "red" if value >= _MANY_ERRORS else "yellow"
