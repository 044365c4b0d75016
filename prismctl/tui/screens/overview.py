"""Is all well, at a glance: rates with their history, models, providers, newest refusals."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content

from prismctl.jsontext import Json, Object, as_text
from prismctl.output import human
from prismctl.output.table import Column, View
from prismctl.tui import figures, values
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject
from prismctl.tui.rates import NANO_PER_USD, Rates, Sample
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.tile import Reading, Tile

NOW_S = 10.0
"""A rate "now" is that of the last seconds; one second alone jumps too much to be read."""
HISTORY_S = 300.0
_BAD, _WARN = 0.05, 0.01

_MODELS = View(
    columns=(
        Column("MODEL", "model", is_flexible=True),
        Column("REQ/S", "calls_per_s", figures.rate, is_right=True),
        Column("ERRORS", "error_ratio", figures.share, figures.error_tone, is_right=True),
        Column("P50", "p50_ms", figures.millis, is_right=True, rank=4),
        Column("P95", "p95_ms", figures.millis, is_right=True, rank=1),
        Column("TOK/S", "tokens_per_s", figures.rate, is_right=True, rank=3),
        Column("$/H", "dollars_per_h", figures.dollars, is_right=True, rank=2),
    ),
    name="model",
    empty="no calls in the last minute",
)
_PROVIDERS = View(
    columns=(
        Column("PROVIDER", "id", is_flexible=True),
        Column("STATE", "state", human.state, human.tone),
        Column("REQ/S", "calls_per_s", figures.rate, is_right=True, rank=2),
        Column("LATENCY", "latency_ewma_ms", figures.millis, is_right=True, rank=1),
    ),
    empty="no providers yet",
)
_NEWS = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("", "level", human.state, human.tone),
        Column("WHAT", "text", is_flexible=True),
        Column("TIMES", "count", figures.times, is_right=True, rank=1),
    ),
    name="name",
    empty="no refusals, no warnings: all is quiet",
)


class Overview(Pane):
    """The first screen."""

    contexts: ClassVar[tuple[str, ...]] = ("rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        names = ("Requests", "Errors", "First byte", "Total time", "Tokens", "Spend", "Running",
                 "From cache")  # fmt: skip
        self._tiles = {name: Tile(name) for name in names}
        look = cockpit.look
        self._models = ResourceTable(_MODELS, "Models", look)
        self._providers = ResourceTable(_PROVIDERS, "Providers", look)
        self._news = ResourceTable(_NEWS, "Refusals and warnings", look)

    def compose(self) -> ComposeResult:
        """Tiles, two tables side by side, a table."""
        with Vertical():
            with Grid(id="tiles"):
                yield from self._tiles.values()
            with Horizontal(id="tables"):
                yield self._models
                yield self._providers
            yield self._news

    @property
    def table(self) -> ResourceTable:
        """The table with the keyboard; the first one if none has it."""
        focused = self.screen.focused
        return focused if isinstance(focused, ResourceTable) else self._models

    @property
    def subject(self) -> Subject | None:
        """The row with the cursor."""
        row = self.table.row
        if row is None:
            return None
        name = "request_id" if self.table is self._news else self.table.view.name
        return Subject(id=as_text(row.get(name)), body=row, view=self.table.view)

    @property
    def command(self) -> tuple[str, ...]:
        """Of the table that has the keyboard."""
        if self.table is self._providers:
            return ("providers", "health")
        if self.table is self._news and self._request_id:
            return ("requests", "get", self._request_id)
        return ("status",) if self.table is self._news else ("top", "--by", "model")

    @property
    def _request_id(self) -> str:
        row = self._news.row
        return as_text(row.get("request_id")) if row else ""

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open what a row is about."""
        event.stop()
        if self.table is self._news:
            if self._request_id:
                self.cockpit.open(f"trace {self._request_id}")
        elif self.table is self._providers:
            self.cockpit.open(f"traffic provider={as_text(event.row.get('id'))}")
        else:
            self.cockpit.open(f"traffic model={as_text(event.row.get('model'))}")

    def show(self, board: Board) -> None:
        """Draw the board."""
        look = self.cockpit.look
        now, minute = board.rates(NOW_S), board.rates()
        samples, _ = board.window(HISTORY_S)
        for name, reading in _readings(board, now, minute, samples).items():
            self._tiles[name].read(reading, look)
        self._models.show(_model_rows(board), look)
        self._providers.show(_provider_rows(board), look)
        self._news.show(_news_rows(board), look)


def _readings(
    board: Board, now: Rates, minute: Rates, samples: Sequence[Sample]
) -> dict[str, Reading]:
    def history(of: Callable[[Sample], float]) -> list[float]:
        return [of(sample) for sample in samples]

    def per_s(name: str) -> list[float]:
        return history(lambda one: getattr(one.total, name) / one.span_s)

    latency, first = figures.spread(board, "latency_ms"), figures.spread(board, "first_byte_ms")
    p50, p95 = minute.latency_p50_s or latency[0], minute.latency_p95_s or latency[1]
    b50, b95 = minute.first_byte_p50_s or first[0], minute.first_byte_p95_s or first[1]
    errors = minute.error_ratio
    running = board.totals.running if board.totals else 0
    tokens = history(lambda one: (one.total.input_tokens + one.total.output_tokens) / one.span_s)
    spent = history(lambda one: one.total.cost_nano_usd / NANO_PER_USD / one.span_s * 3600)
    peak = max(per_s("calls"), default=0.0)
    return {
        "Requests": Reading(
            number=figures.short(now.calls_per_s),
            unit="/s",
            aside=looks.text(f"peak {figures.short(peak)}", "dim"),
            history=per_s("calls"),
        ),
        "Errors": Reading(
            number=figures.percent(errors),
            unit="of calls",
            history=history(
                lambda one: one.total.errors / one.total.calls if one.total.calls else 0
            ),
            tone="bad",
            number_tone=_error_tone(errors),
            top=0.1,
        ),
        "First byte": Reading(
            number=figures.seconds(b50),
            unit="p50",
            aside=_p95(b95),
            history=history(lambda one: figures.mean_s(board, one, "first_byte_buckets")),
            tone="cyan",
        ),
        "Total time": Reading(
            number=figures.seconds(p50),
            unit="p50",
            aside=_p95(p95),
            history=history(lambda one: figures.mean_s(board, one, "latency_buckets")),
            tone="cyan",
        ),
        "Tokens": Reading(number=figures.short(now.tokens_per_s), unit="/s", history=tokens),
        "Spend": Reading(
            number=f"${figures.short(minute.dollars_per_h)}",
            unit="/h",
            aside=_unpriced(minute),
            history=spent,
            tone="yellow",
        ),
        "Running": Reading(
            number=f"{running:,}",
            unit="calls",
            history=history(lambda one: one.running),
            tone="green",
        ),
        "From cache": Reading(
            number=figures.percent(minute.cached_ratio),
            unit="of prompt",
            history=history(
                lambda one: (
                    one.total.cached_input_tokens / one.total.input_tokens
                    if one.total.input_tokens
                    else 0.0
                )
            ),
            tone="green",
            top=1.0,
        ),
    }


def _p95(value_s: float | None) -> Content:
    return looks.line(("p95 ", "dim"), figures.seconds(value_s))


def _unpriced(rates: Rates) -> Content | None:
    return looks.text(f"{rates.unpriced:,} unpriced", "yellow") if rates.unpriced else None


def _error_tone(ratio: float | None) -> str:
    if ratio is None or ratio < _WARN:
        return "number"
    return "bad" if ratio >= _BAD else "warn"


def _model_rows(board: Board) -> list[Object]:
    rows: list[Object] = []
    for name, total, rates in board.by("model"):
        rows.append(
            {
                "model": name,
                "calls": total.calls,
                "calls_per_s": _decimal(rates.calls_per_s),
                "error_ratio": _decimal(rates.error_ratio),
                "p50_ms": _decimal(rates.latency_p50_s, 1000),
                "p95_ms": _decimal(rates.latency_p95_s, 1000),
                "tokens_per_s": _decimal(rates.tokens_per_s),
                "dollars_per_h": _decimal(rates.dollars_per_h),
            }
        )
    return sorted(
        rows, key=lambda row: (-values.whole(row.get("calls")), as_text(row.get("model")))
    )


def _provider_rows(board: Board) -> list[Object]:
    calls = {name: rates.calls_per_s for name, _, rates in board.by("provider")}
    order = {"failing": 0, "degraded": 1, "healthy": 2}
    rows: list[Object] = [
        {**row, "calls_per_s": _decimal(calls.get(as_text(row.get("id")), 0.0))}
        for row in board.providers
    ]
    return sorted(
        rows, key=lambda row: (order.get(as_text(row.get("state")), 3), as_text(row.get("id")))
    )


def _news_rows(board: Board) -> list[Object]:
    return [
        {
            "name": f"{notice.topic} {notice.text}",
            "ts_s": _decimal(notice.ts_s),
            "level": notice.level,
            "topic": notice.topic,
            "text": notice.text,
            "count": notice.count,
            "request_id": notice.request_id,
        }
        for notice in board.notices
    ]


def _decimal(value: float | None, scale: float = 1.0) -> Json:
    return None if value is None else Decimal(f"{value * scale:.6f}")
