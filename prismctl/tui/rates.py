"""Rates from totals: what happened between two ticks, and what a window of such samples says.

Totals only grow, until the gateway starts again; then there is no difference to take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prismctl.jsontext import Object
from prismctl.tui import values

MAX_SERIES = 500
"""Models on providers in one tick."""
NANO_PER_USD = 1_000_000_000

_COUNTERS = (
    "calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cost_nano_usd",
    "unpriced",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What happened for one model on one provider: since the start, or in a while."""

    model: str = ""
    provider: str = ""
    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced: int = 0
    latency_buckets: tuple[int, ...] = ()
    first_byte_buckets: tuple[int, ...] = ()

    def minus(self, earlier: "Series") -> "Series | None":
        """Return what happened since; None if the totals have begun anew."""
        numbers = {name: getattr(self, name) - getattr(earlier, name) for name in _COUNTERS}
        if any(number < 0 for number in numbers.values()):
            return None
        return Series(
            model=self.model,
            provider=self.provider,
            latency_buckets=_less(self.latency_buckets, earlier.latency_buckets),
            first_byte_buckets=_less(self.first_byte_buckets, earlier.first_byte_buckets),
            **numbers,
        )

    @property
    def is_nothing(self) -> bool:
        """Whether nothing happened."""
        return not any(getattr(self, name) for name in _COUNTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A tick: totals since the gateway's start."""

    ts_s: float = 0.0
    uptime_s: float = 0.0
    running: int = 0
    bounds_s: tuple[float, ...] = ()
    series: Mapping[tuple[str, str], Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What happened between two ticks. Only series in which anything did."""

    ts_s: float
    span_s: float
    running: int
    total: Series
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a window of samples says. None where nothing can be said."""

    calls_per_s: float = 0.0
    error_ratio: float | None = None
    tokens_per_s: float = 0.0
    dollars_per_h: float = 0.0
    unpriced: int = 0
    cached_ratio: float | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    first_byte_p50_s: float | None = None
    first_byte_p95_s: float | None = None


def totals(event: Object) -> Totals:
    """Read a tick."""
    bounds_s = values.bounds(event.get("latency_bounds_s"))
    length = len(bounds_s) + 1
    series: dict[tuple[str, str], Series] = {}
    for row in values.objects(event.get("series"), MAX_SERIES):
        one = Series(
            model=values.text(row.get("model")),
            provider=values.text(row.get("provider")),
            latency_buckets=values.counts(row.get("latency_buckets"), length),
            first_byte_buckets=values.counts(row.get("first_byte_buckets"), length),
            **{name: values.count(row.get(name)) for name in _COUNTERS},
        )
        series[one.model, one.provider] = one
    return Totals(
        ts_s=values.real(event.get("ts_s")),
        uptime_s=values.real(event.get("uptime_s")),
        running=values.count(event.get("running")),
        bounds_s=bounds_s,
        series=series,
    )


def difference(earlier: Totals, later: Totals) -> Sample | None:
    """Return what happened between two ticks; None if the gateway started in between."""
    span_s = later.ts_s - earlier.ts_s
    if span_s <= 0 or later.uptime_s < earlier.uptime_s:
        return None
    found: list[Series] = []
    for name, series in later.series.items():
        change = series.minus(earlier.series.get(name, Series()))
        if change is None:
            return None
        if not change.is_nothing:
            found.append(change)
    return Sample(
        ts_s=later.ts_s,
        span_s=span_s,
        running=later.running,
        total=sum_of(found),
        series=tuple(found),
    )


def sum_of(series: Iterable[Series]) -> Series:
    """Add series up."""
    rows = list(series)
    return Series(
        latency_buckets=_sum(row.latency_buckets for row in rows),
        first_byte_buckets=_sum(row.first_byte_buckets for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in _COUNTERS},
    )


def rates(total: Series, span_s: float, bounds_s: Sequence[float]) -> Rates:
    """Say what a sum of series over so many seconds means."""
    if span_s <= 0:
        return Rates()
    tokens = total.input_tokens + total.output_tokens
    cached, first = total.cached_input_tokens, total.first_byte_buckets
    return Rates(
        calls_per_s=total.calls / span_s,
        error_ratio=total.errors / total.calls if total.calls else None,
        tokens_per_s=tokens / span_s,
        dollars_per_h=total.cost_nano_usd / NANO_PER_USD / span_s * 3600,
        unpriced=total.unpriced,
        cached_ratio=cached / total.input_tokens if total.input_tokens else None,
        latency_p50_s=quantile(bounds_s, total.latency_buckets, 0.5),
        latency_p95_s=quantile(bounds_s, total.latency_buckets, 0.95),
        first_byte_p50_s=quantile(bounds_s, first, 0.5),
        first_byte_p95_s=quantile(bounds_s, first, 0.95),
    )


def quantile(bounds_s: Sequence[float], buckets: Sequence[int], share: float) -> float | None:
    """Return the seconds below which this share of a histogram is, straight within its bucket.

    What is above the last bound counts as that bound: nothing more is known.
    """
    whole = sum(buckets)
    if not whole or len(buckets) != len(bounds_s) + 1:
        return None
    wanted, below = share * whole, 0
    for at, bound_s in enumerate(bounds_s):
        inside = buckets[at]
        if inside and below + inside >= wanted:
            floor_s = bounds_s[at - 1] if at else 0.0
            return floor_s + (bound_s - floor_s) * (wanted - below) / inside
        below += inside
    return bounds_s[-1] if bounds_s else None


def _less(later: tuple[int, ...], earlier: tuple[int, ...]) -> tuple[int, ...]:
    if len(later) != len(earlier):
        return later
    return tuple(max(0, a - b) for a, b in zip(later, earlier, strict=True))


def _sum(many: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    rows = [row for row in many if row]
    if not rows or len({len(row) for row in rows}) > 1:
        return ()
    return tuple(sum(column) for column in zip(*rows, strict=True))
