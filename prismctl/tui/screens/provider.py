"""One provider: its health over the last minutes, its models with prices, its failed calls."""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content

from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, rates, values
from prismctl.tui import look as looks
from prismctl.tui.board import WINDOW_S, Board
from prismctl.tui.pane import Cockpit, Pane, Subject
from prismctl.tui.rates import Sample
from prismctl.tui.screens import answers, provider_rows
from prismctl.tui.screens.call_views import CALL
from prismctl.tui.screens.providers import kind, last_error
from prismctl.tui.widgets import chart
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet
from prismctl.tui.widgets.tile import Tile

_MODELS = View(
    columns=(
        Column("MODEL", "model", is_flexible=True, least=12),
        Column("REQ/S", "calls_per_s", figures.rate, is_right=True, rank=2),
        Column("ERRORS", "error_ratio", figures.share, figures.error_tone, is_right=True, rank=1),
        Column("P95", "p95_ms", figures.millis, is_right=True, rank=3),
        Column("IN $/M", "pricing.input_per_mtok", human.money, is_right=True),
        Column("OUT $/M", "pricing.output_per_mtok", human.money, is_right=True),
        Column("FROM", "source", human.plain, rank=4),
    ),
    name="model",
    empty="no models known",
)
_FAILED = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("STATUS", "status", figures.status, figures.status_tone),
        Column("ERROR", "error_code", is_flexible=True, least=20),
        Column("MODEL", "model", is_flexible=True, rank=2),
        Column("KEY", "", figures.name_of_key, is_flexible=True, rank=1),
    ),
    name="request_id",
    empty="no failed calls among the newest",
)


class Provider(Pane):
    """Opened from the table of providers."""

    contexts: ClassVar[tuple[str, ...]] = ("rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._provider = ""
        self._row: Object = {}
        self._prices: Object | None = None
        look = cockpit.look
        self._tiles = {name: Tile(name) for name in ("Calls", "Errors", "Total time", "Spend")}
        self._sheet = Sheet()
        self._box = Vertical(self._sheet, classes="facts")
        self._models = ResourceTable(_MODELS, "Models", look)
        self._failed = ResourceTable(_FAILED, "Failed calls", look)

    def compose(self) -> ComposeResult:
        """Tiles, health over time, two tables side by side."""
        with Vertical():
            with Grid(classes="tiles"):
                yield from self._tiles.values()
            yield self._box
            with Horizontal(classes="tables"):
                yield self._models
                yield self._failed

    @property
    def table(self) -> ResourceTable:
        """The table with the keyboard; the failed calls if none has it."""
        return self._models if self.screen.focused is self._models else self._failed

    @property
    def subject(self) -> Subject | None:
        """The failed call under the cursor, while its table has the keyboard; else the provider."""
        row = self._failed.row
        if row is not None and self.screen.focused is self._failed:
            return Subject(id=as_text(row.get("request_id")), body=row, view=CALL)
        if not self._row:
            return None
        return Subject(id=self._provider, body=self._row, view=provider_rows.PROVIDER)

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        if self.screen.focused is self._models:
            return ("prices", "list", "--provider", self._provider)
        return ("providers", "health")

    def enter(self, argument: str) -> None:
        """Ask what its models cost."""
        if not argument:
            return
        if argument != self._provider:
            self._prices = None
        self._provider = argument
        path = f"/-/prices?provider={answers.segment(argument)}"
        self.cockpit.read(path, self._take)

    def _take(self, answer: Object) -> None:
        rows = values.objects(answer.get("data"), answers.MAX_ROWS)
        if not rows or rows[0].get("provider") in (self._provider, None):
            self._prices = answer
            self.cockpit.redraw()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open a failed call, or the calls of a model."""
        event.stop()
        if "request_id" in event.row:
            self.cockpit.open(f"trace {as_text(event.row.get('request_id'))}")
        else:
            model = as_text(event.row.get("model"))
            self.cockpit.open(f"traffic provider={self._provider} model={model}")

    def show(self, board: Board) -> None:
        """Draw the board."""
        look = self.cockpit.look
        found = [row for row in provider_rows.rows(board) if row.get("id") == self._provider]
        self._row = found[0] if found else {}
        for name, reading in provider_rows.readings(board, self._provider).items():
            self._tiles[name].read(reading, look)
        state = as_text(self._row.get("state"))
        self._box.border_title = looks.line(
            (f"{self._provider or 'Provider'} ", "bold"),
            looks.state(state, look) if state else "",
            (f"  {kind(self._row, look)}" if self._row else "", "dim"),
        )
        self._sheet.show(
            lambda width, height: looks.lines(self._health(board, width, height, look))
        )
        rows = _models(board, self._provider, self._prices)
        self._models.problem = answers.refusal(self._prices or {})
        self._models.show(rows, look)
        self._failed.show(provider_rows.failed(board, self._provider), look)

    def _health(self, board: Board, width: int, height: int, look: Look) -> list[Content]:
        """Draw health over time, then what is known of it, then how the state changed."""
        if not self._row:
            words = f"there is no provider {self._provider}" if self._provider else ""
            return [looks.text(words or "open one in Providers with enter", "yellow")]
        rows = [
            _strip(provider_rows.own(board, self._provider), width, look),
            looks.line(("error  ", "dim"), last_error(self._row, look)),
            looks.line(("url    ", "dim"), human.plain(self._row.get("base_url"), look) or "-"),
        ]
        changes = [one for one in board.changes if one.get("provider") == self._provider]
        rows[2:2] = [_change(one, look) for one in changes]
        rows = [looks.fitted(row, width, look) for row in rows]
        return rows[:height] if height else rows


def _strip(samples: Sequence[Sample], width: int, look: Look) -> Content:
    """Draw the share of calls that went well, step by step: low and red where it was low."""
    name, ends = "health ", " now"
    room = max(1, width - len(name) - len(ends) - len("5 min ago "))
    if not samples:
        return looks.line((name, "dim"), ("no calls in the last 5 minutes", "dim"))
    since_s, steps = samples[-1].ts_s - provider_rows.HISTORY_S, [[0, 0] for _ in range(room)]
    for sample in samples:
        at = min(room - 1, int((sample.ts_s - since_s) / provider_rows.HISTORY_S * room))
        steps[max(0, at)][0] += sample.total.calls
        steps[max(0, at)][1] += sample.total.errors
    parts: list[Content | tuple[str, str]] = [(name, "dim"), ("5 min ago ", "dim")]
    glyphs = looks.glyphs(look)
    for calls, errors in _filled(steps):
        if not calls:
            parts.append((glyphs.rest, "track"))
            continue
        ratio = errors / calls
        tone = "bad" if ratio >= 0.05 else "warn" if ratio >= 0.01 else "good"  # noqa: PLR2004
        parts.append((chart.columns([1 - ratio], 1, 1, look, top=1.0)[0], tone))
    return looks.line(*parts, (ends, "dim"))


def _filled(steps: list[list[int]]) -> list[list[int]]:
    """Fill steps without calls with the step before: ticks may be seconds apart."""
    found: list[list[int]] = []
    gap = 0
    for step in steps:
        gap = 0 if step[0] else gap + 1
        found.append(found[-1] if not step[0] and found and gap <= 3 else step)  # noqa: PLR2004
    return found


def _change(event: Object, look: Look) -> Content:
    was, reason = as_text(event.get("was")), as_text(event.get("reason"))
    return looks.line(
        (f"{figures.clock(event.get('ts_s'), look)}  ", "dim"),
        looks.state(as_text(event.get("state")), look),
        (f"  was {was}" if was else "", "dim"),
        (f": {reason}" if reason else "", ""),
    )


def _models(board: Board, provider: str, prices: Object | None) -> list[Object] | None:
    """Return a row for each model: what was called in the last minute, and what has a price."""
    samples = provider_rows.own(board, provider, WINDOW_S)
    span_s = sum(sample.span_s for sample in samples)
    series: dict[str, list[rates.Series]] = {}
    for sample in samples:
        for one in sample.series:
            series.setdefault(one.model, []).append(one)
    found: dict[str, Object] = {}
    for name, some in series.items():
        lately = rates.rates(rates.sum_of(some), span_s, board.bounds_s)
        found[name] = {
            "model": name,
            "calls_per_s": _decimal(lately.calls_per_s),
            "error_ratio": _decimal(lately.error_ratio),
            "p95_ms": _decimal(lately.latency_p95_s, 1000),
        }
    for row in values.objects((prices or {}).get("data"), answers.MAX_ROWS):
        name = as_text(row.get("model"))
        price: Object = {"pricing": as_object(row.get("pricing")), "source": row.get("source")}
        found[name] = {"model": name, **found.get(name, {}), **price}
    if not found and prices is None:
        return None
    return sorted(
        found.values(),
        key=lambda row: (-values.real(row.get("calls_per_s")), as_text(row.get("model"))),
    )


def _decimal(value: float | None, scale: float = 1.0) -> Json:
    return None if value is None else Decimal(f"{value * scale:.6f}")
