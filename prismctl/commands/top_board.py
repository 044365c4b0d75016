"""What ``top`` counts: ticks of the feed, or sums of usage, as rates of the last minute. Pure.

A tick holds totals since the gateway was started; two of them say exactly what was in between.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from prismctl.jsontext import Json, Object, as_objects, as_text

HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted of one model, provider or key."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced: int = 0
    latency: tuple[int, ...] = ()
    """How many calls took how long, by the tick's bounds; empty where nobody counts it."""
    first_byte: tuple[int, ...] = ()

    def __add__(self, other: "Sums") -> "Sums":
        """Return both together."""
        return self._with(other, 1)

    def __sub__(self, other: "Sums") -> "Sums":
        """Return what came since the other."""
        return self._with(other, -1)

    def _with(self, other: "Sums", sign: int) -> "Sums":
        return Sums(
            self.calls + sign * other.calls,
            self.errors + sign * other.errors,
            self.input_tokens + sign * other.input_tokens,
            self.output_tokens + sign * other.output_tokens,
            self.cost_nano_usd + sign * other.cost_nano_usd,
            self.unpriced + sign * other.unpriced,
            _with_counts(self.latency, other.latency, sign),
            _with_counts(self.first_byte, other.first_byte, sign),
        )


@dataclass(frozen=True, slots=True)
class _Tick:
    at_s: float
    """Since the gateway was started."""
    node: str
    series: Mapping[tuple[str, str], Sums]


class Board:
    """The ticks of one window of time."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._ticks: deque[_Tick] = deque()
        self.running = 0
        self.bounds_s: Sequence[float] = ()

    @property
    def span_s(self) -> float:
        """For how long was counted: the window, or less at the beginning."""
        return self._ticks[-1].at_s - self._ticks[0].at_s if self._ticks else 0.0

    def take(self, body: Object) -> None:
        """Take a tick. A gateway that was started again begins at zero."""
        series = {
            (as_text(row.get("model")), as_text(row.get("provider"))): _of_series(row)
            for row in as_objects(body.get("series"))
        }
        tick = _Tick(_float(body.get("uptime_s")), as_text(body.get("node")), series)
        self.running = _int(body.get("running"))
        self.bounds_s = _floats(body.get("latency_bounds_s"))
        last = self._ticks[-1] if self._ticks else None
        if last is not None and (tick.at_s < last.at_s or tick.node != last.node):
            self._ticks.clear()
        self._ticks.append(tick)
        while len(self._ticks) > 2 and self._ticks[1].at_s <= tick.at_s - self._window_s:  # noqa: PLR2004 - a window needs two ends
            self._ticks.popleft()

    def sums(self, by: str) -> dict[str, Sums]:
        """Return what was counted in the window, by ``model`` or ``provider``."""
        if not self._ticks:
            return {}
        first, last = self._ticks[0].series, self._ticks[-1].series
        found: dict[str, Sums] = {}
        for (model, provider), total in last.items():
            counted = total - first.get((model, provider), Sums())
            name = model if by == "model" else provider
            if counted.calls:
                found[name] = found.get(name, Sums()) + counted
        return found


def moment_s(body: Object) -> float:
    """Return when a tick was sent."""
    return _float(body.get("ts_s"))


def of_usage(answer: Object, by: str) -> dict[str, Sums]:
    """Return the sums of a usage report, by the group it was made for."""
    return {
        as_text(row.get(by)): Sums(
            calls=_int(row.get("requests")),
            errors=_int(row.get("errors")),
            input_tokens=_int(row.get("input_tokens")),
            output_tokens=_int(row.get("output_tokens")),
            cost_nano_usd=_int(row.get("cost_nano_usd")),
            unpriced=_int(row.get("unpriced_requests")),
        )
        for row in as_objects(answer.get("data"))
        if _int(row.get("requests"))
    }


def row(sums: Sums, span_s: float, bounds_s: Sequence[float]) -> Object:
    """Return sums and their rates, as ``top -o json`` has them."""
    tokens = sums.input_tokens + sums.output_tokens
    return {
        "calls": sums.calls,
        "errors": sums.errors,
        "calls_per_s": _rate(sums.calls, span_s),
        "error_share": _rate(sums.errors, sums.calls),
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "tokens_per_s": _rate(tokens, span_s),
        "cost": Decimal(sums.cost_nano_usd).scaleb(-9).normalize(),
        "cost_nano_usd": sums.cost_nano_usd,
        "cost_per_hour": _dollars_per_hour(sums.cost_nano_usd, span_s),
        "unpriced": sums.unpriced,
        "latency_p50_ms": _millis(sums.latency, bounds_s, 0.5),
        "latency_p95_ms": _millis(sums.latency, bounds_s, 0.95),
        "first_byte_p50_ms": _millis(sums.first_byte, bounds_s, 0.5),
        "first_byte_p95_ms": _millis(sums.first_byte, bounds_s, 0.95),
    }


def quantile_s(counts: Sequence[int], bounds_s: Sequence[float], share: float) -> float | None:
    """Return in how many seconds a share of calls was done, None without any.

    Between two bounds it is taken as even; beyond the last one nothing more is known than that.
    """
    wanted = sum(counts) * share
    if not wanted or len(counts) != len(bounds_s) + 1:
        return None
    below = 0
    for at, count in enumerate(counts):
        if below + count >= wanted:
            start_s = bounds_s[at - 1] if at else 0.0
            end_s = bounds_s[at] if at < len(bounds_s) else start_s
            return start_s + (end_s - start_s) * (wanted - below) / count
        below += count
    return None


def total(sums: Iterable[Sums]) -> Sums:
    """Return all sums together."""
    return sum(sums, Sums())


def _of_series(row: Object) -> Sums:
    return Sums(
        calls=_int(row.get("calls")),
        errors=_int(row.get("errors")),
        input_tokens=_int(row.get("input_tokens")),
        output_tokens=_int(row.get("output_tokens")),
        cost_nano_usd=_int(row.get("cost_nano_usd")),
        unpriced=_int(row.get("unpriced")),
        latency=_ints(row.get("latency_buckets")),
        first_byte=_ints(row.get("first_byte_buckets")),
    )


def _with_counts(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    if not one or not other:
        return one or tuple(sign * count for count in other)
    return tuple(mine + sign * theirs for mine, theirs in zip(one, other, strict=False))


def _rate(count: int, whole: float) -> Decimal:
    return Decimal(f"{count / whole:.6g}") if whole > 0 else Decimal(0)


def _dollars_per_hour(nano_usd: int, span_s: float) -> Decimal:
    if span_s <= 0:
        return Decimal(0)
    return Decimal(round(nano_usd * HOUR_S / span_s)).scaleb(-9).normalize()


def _millis(counts: Sequence[int], bounds_s: Sequence[float], share: float) -> Json:
    seconds = quantile_s(counts, bounds_s, share)
    return None if seconds is None else Decimal(f"{seconds * 1000:.3f}")


def _int(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _ints(value: Json) -> tuple[int, ...]:
    return tuple(map(_int, value)) if isinstance(value, list) else ()


def _float(value: Json) -> float:
    return float(value) if isinstance(value, int | Decimal) else 0.0


def _floats(value: Json) -> tuple[float, ...]:
    return tuple(map(_float, value)) if isinstance(value, list) else ()
