"""What is spent: over time as a plot, and by whom as a table. Enter narrows to one group."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, TypeVar
from urllib.parse import urlencode

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from prismctl.jsontext import Json, Object, as_object, as_objects, as_text
from prismctl.output import bars, human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import axis, figures, keys, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject, subject_at
from prismctl.tui.registry import KEYS_PATH
from prismctl.tui.screens import answers
from prismctl.tui.screens import words as typed
from prismctl.tui.spending import GROUPS, METRICS, SPANS, Spending, Sums, amount, spending
from prismctl.tui.widgets import plot
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet

REPORT_S = {"minute": 5.0, "hour": 15.0, "day": 60.0}
"""How often the report is asked for again: the finer, the more often."""
ONLY = ("key", "owner", "org", "model", "provider", "tag")
"""Filters that the report has."""
NONE = "(none)"
_FINE = Decimal("0.001")
_MANY = 1_000_000
Item = TypeVar("Item")
_TITLES = {"cost": "Spend", "calls": "Calls", "tokens": "Tokens"}


class Usage(Pane):
    """The fifth screen."""

    contexts: ClassVar[tuple[str, ...]] = ("usage", "rows", "subject")
    BINDINGS = keys.bindings("usage")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._group, self._span, self._metric = GROUPS[0], SPANS[1], METRICS[0]
        self._only: dict[str, str] = {}
        self._names: Mapping[str, str] = {}
        self._found: Spending | None = None
        self._seen: tuple[object, ...] = ()
        self._sheet = Sheet()
        self._sheet.add_class("plot")
        self._table = ResourceTable(self._view(0.0), "Groups", cockpit.look)

    def compose(self) -> ComposeResult:
        """The plot over the table."""
        with Vertical():
            yield self._sheet
            yield self._table

    @property
    def table(self) -> ResourceTable:
        """The groups."""
        return self._table

    @property
    def subject(self) -> Subject | None:
        """The group under the cursor."""
        return subject_at(self._table, _GROUP, key="name")

    @property
    def command(self) -> tuple[str, ...]:
        """The report that is drawn."""
        by = f"{self._span.bucket},{self._group}"
        only = [word for name, value in self._only.items() for word in (f"--{name}", value)]
        return ("usage", "report", "--by", by, "--since", self._span.since, *only)

    @property
    def filter(self) -> str:
        """What is left out."""
        return " ".join(filter(None, (typed.shown(self._only), self._table.filter)))

    @property
    def path(self) -> str:
        """Where the report is."""
        by = f"{self._span.bucket},{self._group}"
        return f"/-/usage?{urlencode({'group_by': by, 'since': self._span.since, **self._only})}"

    def enter(self, argument: str) -> None:
        """Ask for the report; narrowed to what stands after the name, ``key=ID``."""
        if argument:
            self._only, rest = typed.parted(argument, ONLY, {})
            self._table.narrow(rest)
        self._want()

    def narrow(self, words: str) -> None:
        """Filter the table while it is typed."""
        self._table.narrow(typed.parted(words, ONLY, self._only)[1])

    def accept(self, words: str) -> None:
        """Filter the table, and what the gateway sums."""
        self._only, rest = typed.parted(words, ONLY, self._only)
        self._table.narrow(rest)
        self._only = {name: self._known(name, value) for name, value in self._only.items()}
        self._want()
        self.cockpit.redraw()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Narrow to the group, and show what it is made of."""
        event.stop()
        value = event.row.get("group")
        if not isinstance(value, str):
            self.cockpit.say(f"calls without {self._group} cannot be asked for alone", tone="warn")
            return
        self._only[self._group] = value
        self._table.narrow("")
        self._group = next((name for name in GROUPS if name not in self._only), self._group)
        self._want()
        self.cockpit.redraw()

    def action_group(self) -> None:
        """Sum by the next."""
        self._group = _after(GROUPS, self._group)
        self._want()
        self.cockpit.redraw()

    def action_span(self) -> None:
        """Take another time."""
        self._span = _after(SPANS, self._span)
        self._want()
        self.cockpit.redraw()

    def action_metric(self) -> None:
        """Measure something else."""
        self._metric = _after(METRICS, self._metric)
        self.cockpit.redraw()

    def _want(self) -> None:
        paths = {self.path: REPORT_S[self._span.bucket]}
        if self._group == "key" or "key" in self._only:
            paths[KEYS_PATH] = 30.0
        self.cockpit.feed.want(paths)

    def _known(self, name: str, value: str) -> str:
        """Return what the gateway calls it: a key may be typed by its name."""
        ids = [key for key, known in self._names.items() if known == value]
        return ids[0] if name == "key" and ids else value

    def show(self, board: Board) -> None:
        """Draw plot and table."""
        look = self.cockpit.look
        self._names = _key_names(board.known(KEYS_PATH)) or self._names
        body, now_s = board.known(self.path), board.now_s
        problem = self._table.problem = answers.problem(board, self.path)
        self._entitle(look)
        if body is None:
            self._found, self._seen = None, ()
            self._wait(problem, look)
            return
        newest = axis.buckets(self._span.bucket, now_s, 0)[-1]
        seen = (id(body), newest, self._metric, self._group, len(self._names), look.is_unicode)
        if self._found is None or seen != self._seen:
            self._found = spending(body, self._group, self._span, now_s)
            self._seen = seen
        found = self._found
        whole = found.whole(self._metric)
        drawn = self._plot(found)
        is_colored = self.cockpit.is_colored
        self._sheet.show(
            lambda width, height: (
                plot.drawn(drawn, width, height, look, is_colored=is_colored)
                if whole
                else _nothing(self._metric, found, width, height)
            )
        )
        self._table.set_view(self._view(whole))
        self._table.note = _totals(found, look)
        self._table.show([self._row(sums) for sums in found.ranked(self._metric)], look)

    def _wait(self, problem: str, look: Look) -> None:
        """Say why there is nothing yet."""
        said, tone = problem, "bad"
        if not problem:
            tone = "dim"
            said = (
                "the recording holds no such report"
                if self.cockpit.feed.is_recorded
                else f"asking the gateway {looks.glyphs(look).more}"
            )
        self._sheet.show(lambda width, height: _centred(looks.text(said, tone), width, height))
        self._table.note = ""
        is_awaited = not problem and not self.cockpit.feed.is_recorded
        self._table.show(None if is_awaited else [], look)

    def _entitle(self, look: Look) -> None:
        dot = looks.glyphs(look).dot
        only = [f"{name} {self._shown(name, value)}" for name, value in self._only.items()]
        self._sheet.border_title = looks.line(
            (f"{_TITLES[self._metric]} by {self._group} ", "bold"),
            (f"{dot} {self._span.name}, per {self._span.bucket}", "dim"),
            (f" {dot} only {', '.join(only)}" if only else "", "accent"),
        )
        self._table.heading = f"{self._group.capitalize()}s"

    def _shown(self, name: str, value: str | None) -> str:
        if value is None:
            return NONE
        return (self._names.get(value) or value) if name == "key" else value

    def _plot(self, found: Spending) -> plot.Plot:
        metric = self._metric
        ranked = [one for one in found.ranked(metric) if amount(one.totals, metric)]
        most = plot.MAX_GROUPS if len(ranked) <= plot.MAX_GROUPS else plot.MAX_GROUPS - 1
        whole = found.whole(metric)
        groups = [
            self._legend(self._shown(self._group, one.group), [one], whole) for one in ranked[:most]
        ]
        if ranked[most:]:
            groups.append(self._legend(f"{len(ranked) - most} others", ranked[most:], whole))
        peak, peak_s = found.peak(metric)
        per = whole / len(found.times) if found.times else 0.0
        bucket = self._span.bucket
        return plot.Plot(
            groups=groups,
            times=found.times,
            bucket=bucket,
            unit="$" if metric == "cost" else "",
            is_whole=metric != "cost",
            facts=(
                ("total", _figure(whole, metric)),
                (f"mean per {bucket}", _figure(per, metric)),
                (f"peak, {axis.caption(bucket, peak_s)}", _figure(peak, metric)),
            ),
        )

    def _legend(self, name: str, sums: Sequence[Sums], whole: float) -> plot.Group:
        columns = zip(*(one.columns[self._metric] for one in sums), strict=True)
        total = sum(amount(one.totals, self._metric) for one in sums)
        return plot.Group(
            name=name,
            values=[sum(column) for column in columns],
            figure=_figure(total, self._metric),
            aside=figures.percent(total / whole if whole else None),
        )

    def _row(self, sums: Sums) -> Object:
        counts: Object = dict(sums.totals)
        return {
            "name": f"{self._group} {sums.group or ''}",
            "group": sums.group,
            "shown": self._shown(self._group, sums.group),
            **counts,
            "cost": human.from_nano(sums.totals["cost_nano_usd"]),
        }

    def _view(self, whole: float) -> View:
        return View(
            columns=(
                Column(self._group.upper(), "shown", is_flexible=True),
                Column("SHARE", "", _share(self._metric, whole), rank=3),
                Column("CALLS", "requests", human.number, is_right=True),
                Column("ERRORS", "", _errors, _errors_tone, is_right=True, rank=2),
                Column("IN", "input_tokens", _tokens, is_right=True, rank=1),
                Column("OUT", "output_tokens", _tokens, is_right=True, rank=1),
                Column("COST", "", _cost, _unpriced_tone, is_right=True),
            ),
            name="name",
            empty="no calls in this time",
        )


_GROUP = View(
    columns=(
        Column("GROUP", "shown"),
        Column("ID", "group"),
        Column("CALLS", "requests", human.number),
        Column("ERRORS", "errors", human.number),
        Column("INPUT TOKENS", "input_tokens", human.number),
        Column("OF THESE CACHED", "cached_input_tokens", human.number),
        Column("OUTPUT TOKENS", "output_tokens", human.number),
        Column("COST", "cost", human.dollars),
        Column("WITHOUT A PRICE", "unpriced_requests", human.number),
    ),
    name="name",
)


def _after(items: Sequence[Item], item: Item) -> Item:
    """Return the next one, after the last the first."""
    return items[(items.index(item) + 1) % len(items)]


def _key_names(body: Object | None) -> dict[str, str]:
    rows = as_objects(body.get("data")) if body else []
    names = {as_text(row.get("id")): as_text(row.get("name")) for row in rows}
    return {key: name for key, name in names.items() if name}


def _figure(value: float, metric: str) -> str:
    if metric != "cost":
        return figures.short(value)
    return f"${value:.2f}" if 1 <= value < 99.995 else f"${figures.short(value)}"  # noqa: PLR2004


def _counts(value: Json) -> dict[str, int]:
    row = as_object(value)
    names = ("requests", "unpriced_requests", "cost_nano_usd", "input_tokens", "output_tokens")
    return {name: values.count(row.get(name)) for name in names}


def _share(metric: str, whole: float) -> Callable[[Json, Look], str]:
    """Return how a group's share of the whole is drawn."""

    def share(value: Json, look: Look) -> str:
        part = amount(_counts(value), metric) / whole if whole else 0.0
        return f"{bars.bar(round(part * 10_000), 0, 10_000, look)} {figures.percent(part):>6}"

    return share


def _tokens(value: Json, look: Look) -> str:
    return figures.short(values.count(value)) if look.is_people else human.plain(value, look)


def _cost(value: Json, look: Look) -> str:
    counts = _counts(value)
    if _is_unpriced(counts):
        return human.state("no price", look)
    cost = human.from_nano(counts["cost_nano_usd"])
    if not look.is_people:
        return human.plain(cost, look)
    if cost >= 1 or not cost:
        return f"${cost:,.2f}"
    return f"${cost:.4f}" if cost >= _FINE else f"${figures.short(float(cost))}"


def _is_unpriced(counts: Mapping[str, int]) -> bool:
    return 0 < counts["requests"] == counts["unpriced_requests"]


def _unpriced_tone(value: Json) -> str:
    return "yellow" if _is_unpriced(_counts(value)) else ""


def _errors(value: Json, look: Look) -> str:
    return human.number(values.count(as_object(value).get("errors")), look)


def _errors_tone(value: Json) -> str:
    row = as_object(value)
    errors, calls = values.count(row.get("errors")), values.count(row.get("requests"))
    return figures.error_tone(Decimal(errors) / calls) if errors and calls else "dim"


def _totals(found: Spending, look: Look) -> str:
    totals, dot = found.totals, f" {looks.glyphs(look).dot} "
    parts = [
        f"total {_count(totals['requests'])} calls",
        f"{_count(totals['errors'])} errors",
        f"{figures.short(amount(totals, 'tokens'))} tokens",
        f"${amount(totals, 'cost'):,.2f}",
    ]
    if totals["unpriced_requests"]:
        parts.append(f"{_count(totals['unpriced_requests'])} unpriced")
    return dot.join(parts)


def _count(number: int) -> str:
    return f"{number:,}" if number < _MANY else figures.short(number)


def _nothing(metric: str, found: Spending, width: int, height: int) -> Content:
    said = "no calls in this time"
    if found.totals["requests"]:
        said = f"{found.totals['requests']:,} calls, no {metric}"
        if found.totals["unpriced_requests"]:
            said += ": their models have no price"
    return _centred(looks.text(said, "dim"), width, height)


def _centred(words: Content, width: int, height: int) -> Content:
    pad = max(0, (width - words.cell_length) // 2)
    above = [Content("")] * max(0, (height - 1) // 2)
    return looks.lines([*above, words.pad_left(pad)])
