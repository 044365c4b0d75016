"""The arithmetic of a plot: round ticks, columns of time, shares of a column. Knows no terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

from prismctl.tui import figures

_ROUND = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LEAST = Decimal("0.0001")
"""Below it a step is written with an exponent."""
_SIZES = {"minute": 60, "hour": 3_600, "day": 86_400}
_EVERY = {
    "minute": (1, 2, 5, 10, 15, 30, 60),
    "hour": (1, 2, 3, 6, 12, 24, 48),
    "day": (1, 2, 5, 7, 10, 15, 30),
}
"""After how many columns a time is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A vertical axis: from 0 to ``step`` times ``count``."""

    step: Decimal
    count: int
    unit: str = ""
    """Before each number: ``$``."""

    @property
    def top(self) -> float:
        """What a full column means."""
        return float(self.step * self.count)

    def label(self, number: int) -> str:
        """Return what stands at a tick; all ticks have as many decimals as they need."""
        value = self.step * number
        if not value:
            return f"{self.unit}0"
        if self.step < _LEAST:
            return f"{self.unit}{float(value):.3g}"
        if self.top >= 1_000:  # noqa: PLR2004 - from there on with a unit
            return f"{self.unit}{figures.short(float(value))}"
        digits = max(0, -int(self.step.normalize().as_tuple().exponent))
        if self.unit == "$" and digits == 1:
            digits = 2
        return f"{self.unit}{value:.{digits}f}"


def scale(most: float, ticks: int, *, unit: str = "", is_whole: bool = False) -> Scale:
    """Return an axis with round ticks, ``ticks`` of them at most, on which ``most`` has room.

    Args:
        most: The greatest value; of nothing, an axis to 1.
        ticks: At most so many above 0.
        unit: Before each number.
        is_whole: Whether there is nothing between whole numbers.
    """
    if not math.isfinite(most) or most <= 0:
        return Scale(step=Decimal(1), count=1, unit=unit)
    exact = Decimal(repr(most))
    steps = [_step(exact / count, is_whole=is_whole) for count in range(1, max(1, ticks) + 1)]
    scales = [Scale(step=step, count=_times(exact, step), unit=unit) for step in steps]
    # The least room above the columns; of two that leave as much, the one with more ticks.
    return min(scales, key=lambda one: (one.top, -one.count))


def _step(least: Decimal, *, is_whole: bool) -> Decimal:
    """Return the least round number that is not less."""
    size = Decimal(1).scaleb(least.adjusted())
    step = next(size * mantissa for mantissa in _ROUND if size * mantissa >= least)
    if is_whole and step != step.to_integral_value():
        step = max(Decimal(1), step.to_integral_value(rounding=ROUND_CEILING))
    return step.normalize()


def _times(whole: Decimal, step: Decimal) -> int:
    return max(1, int((whole / step).to_integral_value(rounding=ROUND_CEILING)))


def buckets(bucket: str, now_s: float, span_s: float) -> list[float]:
    """Return the beginnings of all minutes, hours or days of a span that ends now.

    Those of which nothing was told are among them: there it was 0. The last one has only begun.
    """
    size = _SIZES[bucket]
    first = int((now_s - span_s) // size)
    return [float(at * size) for at in range(first, int(now_s // size) + 1)]


def name(bucket: str, began_s: float) -> str:
    """Return how the gateway calls a minute, hour or day."""
    moment = datetime.fromtimestamp(began_s, UTC)
    return f"{moment:%Y-%m-%d}" if bucket == "day" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def caption(bucket: str, began_s: float) -> str:
    """Return how a person calls it; of an hour at midnight the day matters."""
    moment = datetime.fromtimestamp(began_s, UTC)
    if bucket == "day" or (bucket == "hour" and moment.hour == 0):
        return f"{moment:%b} {moment.day}"
    return f"{moment:%H:%M}"


def marks(bucket: str, times: Sequence[float], room: int) -> list[int]:
    """Return the columns under which a time is written, in the room of one label and its gap.

    Args:
        bucket: ``minute``, ``hour`` or ``day``.
        times: When the columns begin.
        room: How many columns one label covers.
    """
    size = _SIZES[bucket]
    every = next((step for step in _EVERY[bucket] if step >= room), max(1, room))
    if bucket == "day":
        # The newest day is always named.
        return list(range(len(times) - 1, -1, -every))[::-1]
    return [at for at, time_s in enumerate(times) if int(time_s // size) % every == 0]


def neighbours(values: Sequence[float], size: int) -> list[Sequence[float]]:
    """Return groups of so many neighbours; if one is smaller, it is the oldest."""
    ends = range(len(values), 0, -max(1, size))
    return [values[max(0, end - size) : end] for end in ends][::-1]


def stacked(parts: Sequence[float], top: float, steps: int) -> list[int]:
    """Return how far up each part of a column reaches, in steps; a part that is there is seen.

    Rounded are the sums, not the parts: the whole is as high as it would be in one piece. What is
    less than a step gets one, if the parts below leave it a step.
    """
    ends: list[int] = []
    total, before = 0.0, 0
    for part in parts:
        total += max(0.0, part)
        end = round(total / top * steps) if top > 0 else 0
        if total > 0 and part > 0:
            end = max(end, 1)
        before = min(steps, max(before, end))
        ends.append(before)
    return ends
