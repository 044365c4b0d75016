"""What is known of providers: health, configuration and the last minutes, in one row each."""

from collections.abc import Sequence
from http import HTTPStatus

from prismctl.jsontext import Json, Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, rates, values
from prismctl.tui import look as looks
from prismctl.tui.board import MAX_PROVIDERS, Board
from prismctl.tui.rates import NANO_PER_USD, Sample
from prismctl.tui.widgets import chart
from prismctl.tui.widgets.tile import Reading

CAPABILITIES_PATH = "/-/capabilities"
HISTORY_S = 300.0
_STEPS = 12
"""Of the history in a table."""
_ORDER = {"failing": 0, "degraded": 1, "healthy": 2}


def history(value: Json, look: Look) -> str:
    """Draw counts, the newest at the right."""
    if not isinstance(value, list) or not look.is_people:
        return human.plain(value, look)
    counts = [values.real(item) for item in value]
    return chart.columns(counts, len(counts), 1, look)[0]


PROVIDERS = View(
    columns=(
        Column("PROVIDER", "id", is_flexible=True),
        Column("STATE", "state", human.state, human.tone),
        Column("CALLS", "request_count", human.number, is_right=True),
        Column("ERRORS", "error_count", human.number, figures.trouble_tone, is_right=True),
        Column("SUCCESS", "success_rate", figures.share, figures.success_tone, is_right=True),
        Column("LATENCY", "latency_ewma_ms", figures.millis, is_right=True, rank=1),
        Column("CALLS 5 M", "history", history, lambda _: "cyan", rank=2),
        Column("ERRORS 5 M", "troubles", history, lambda _: "red", rank=3),
        Column("LAST ERROR", "last_error", is_flexible=True, rank=4),
        Column("WHEN", "last_error_time", human.when, is_right=True, rank=5),
        Column("MODELS", "models", human.number, is_right=True, rank=6),
        Column("TYPE", "type", is_wide=True),
        Column("URL", "base_url", is_wide=True, is_flexible=True),
    ),
    empty="no providers; name some in prism.yaml",
)
PROVIDER = View(
    columns=(
        Column("ID", "id"),
        Column("TYPE", "type"),
        Column("TITLE", "title"),
        Column("URL", "base_url"),
        Column("DIALECT", "dialect"),
        Column("LOCAL", "is_local"),
        Column("STATE", "state", human.state, human.tone),
        Column("MODELS", "models", human.number),
        Column("CAN", "ops"),
        Column("CALLS", "request_count", human.number),
        Column("ERRORS", "error_count", human.number),
        Column("SUCCESS", "success_rate", human.share),
        Column("LATENCY", "latency_ewma_ms", human.millis),
        Column("LAST ERROR", "last_error"),
        Column("ERROR AT", "last_error_time", human.moment),
        Column("SUCCESS AT", "last_success_time", human.moment),
    ),
)


def rows(board: Board) -> list[Object]:
    """Return a row for each provider, what is not well first."""
    known = {
        as_text(one.get("id")): one
        for one in values.objects(
            (board.known(CAPABILITIES_PATH) or {}).get("providers"), MAX_PROVIDERS
        )
    }
    calls, errors = _histories(board)
    none = [0] * _STEPS
    found: list[Object] = []
    for health in board.providers:
        name = as_text(health.get("id"))
        found.append(
            {
                **known.get(name, {}),
                **health,
                "history": list(calls.get(name, none)),
                "troubles": list(errors.get(name, none)),
            }
        )
    found.sort(key=lambda row: (_ORDER.get(as_text(row.get("state")), 3), as_text(row.get("id"))))
    return found


def _histories(board: Board) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return calls and errors of each provider, in steps of the last minutes."""
    calls: dict[str, list[int]] = {}
    errors: dict[str, list[int]] = {}
    samples, _ = board.window(HISTORY_S)
    for sample in samples:
        age_s = samples[-1].ts_s - sample.ts_s
        at = _STEPS - 1 - min(_STEPS - 1, int(age_s / HISTORY_S * _STEPS))
        for one in sample.series:
            calls.setdefault(one.provider, [0] * _STEPS)[at] += one.calls
            errors.setdefault(one.provider, [0] * _STEPS)[at] += one.errors
    return calls, errors


def failed(board: Board, provider: str) -> list[Object]:
    """Return the newest failed calls of a provider."""
    return [
        call
        for call in board.calls
        if call.get("provider") == provider
        and values.whole(call.get("status")) >= HTTPStatus.BAD_REQUEST
    ]


def own(board: Board, provider: str, window_s: float = HISTORY_S) -> list[Sample]:
    """Return the samples of the last seconds, of one provider alone."""
    found: list[Sample] = []
    for sample in board.window(window_s)[0]:
        series = tuple(one for one in sample.series if one.provider == provider)
        found.append(
            Sample(
                ts_s=sample.ts_s,
                span_s=sample.span_s,
                running=0,
                total=rates.sum_of(series),
                series=series,
            )
        )
    return found


def readings(board: Board, provider: str) -> dict[str, Reading]:
    """Return what the tiles of a provider show."""
    samples = own(board, provider)
    minute = samples[-_within(samples, 60.0) :] if samples else []
    span_s = sum(sample.span_s for sample in minute)
    now = rates.rates(rates.sum_of(one.total for one in minute), span_s, board.bounds_s)
    errors = now.error_ratio
    tone = "number"
    if errors is not None and errors >= 0.01:  # noqa: PLR2004
        tone = "bad" if errors >= 0.05 else "warn"  # noqa: PLR2004
    return {
        "Calls": Reading(
            number=figures.short(now.calls_per_s),
            unit="/s",
            history=[one.total.calls / one.span_s for one in samples],
        ),
        "Errors": Reading(
            number=figures.percent(errors),
            unit="of calls",
            history=[
                one.total.errors / one.total.calls if one.total.calls else 0 for one in samples
            ],
            tone="bad",
            number_tone=tone,
            top=0.1,
        ),
        "Total time": Reading(
            number=figures.seconds(now.latency_p50_s),
            unit="p50",
            aside=looks.line(("p95 ", "dim"), figures.seconds(now.latency_p95_s)),
            history=[figures.mean_s(board, one, "latency_buckets") for one in samples],
        ),
        "Spend": Reading(
            number=f"${figures.short(now.dollars_per_h)}",
            unit="/h",
            history=[one.total.cost_nano_usd / NANO_PER_USD / one.span_s * 3600 for one in samples],
            tone="yellow",
        ),
    }


def _within(samples: Sequence[Sample], window_s: float) -> int:
    """Return how many of the newest samples are of the last seconds."""
    return sum(sample.ts_s > samples[-1].ts_s - window_s for sample in samples)
