"""A usage report as columns of time and groups: sums, shares, gaps. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prismctl.jsontext import Json, Object, as_object
from prismctl.tui import axis, values

MAX_ROWS = 50_000
FIELDS = ("requests", "errors", "input_tokens", "output_tokens", "cached_input_tokens",
          "unpriced_requests", "cost_nano_usd")  # fmt: skip
NANO_PER_USD = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How much of the past is summed, and how finely."""

    name: str
    since: str
    """As the gateway takes it."""
    seconds: int
    bucket: str
    """``minute``, ``hour`` or ``day``."""


SPANS = (
    Span(name="1 hour", since="1h", seconds=3_600, bucket="minute"),
    Span(name="24 hours", since="24h", seconds=86_400, bucket="hour"),
    Span(name="7 days", since="7d", seconds=7 * 86_400, bucket="day"),
    Span(name="30 days", since="30d", seconds=30 * 86_400, bucket="day"),
)
GROUPS = ("model", "key", "provider", "owner")
METRICS = ("cost", "calls", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What one group used."""

    group: str | None
    """None: calls that have none, such as an owner."""
    totals: Mapping[str, int]
    columns: Mapping[str, Sequence[float]]
    """Of each metric, a number for each column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A report."""

    times: Sequence[float]
    """When the columns begin."""
    groups: Sequence[Sums]
    """No order."""
    totals: Mapping[str, int]

    def whole(self, metric: str) -> float:
        """Return the sum of all groups."""
        return amount(self.totals, metric)

    def ranked(self, metric: str) -> list[Sums]:
        """Return the groups, the greatest first."""
        return sorted(
            self.groups,
            key=lambda one: (-amount(one.totals, metric), -one.totals["requests"], one.group or ""),
        )

    def peak(self, metric: str) -> tuple[float, float]:
        """Return the greatest column: its sum, and when it begins; 0 if there is none."""
        sums = [
            sum(one.columns[metric][at] for one in self.groups) for at in range(len(self.times))
        ]
        if not any(sums):
            return 0.0, 0.0
        at = max(range(len(sums)), key=sums.__getitem__)
        return sums[at], self.times[at]


def amount(totals: Mapping[str, int], metric: str) -> float:
    """Return a metric of sums; cost in dollars."""
    if metric == "cost":
        return totals["cost_nano_usd"] / NANO_PER_USD
    if metric == "calls":
        return float(totals["requests"])
    return float(totals["input_tokens"] + totals["output_tokens"])


def spending(report: Object, group: str, span: Span, now_s: float) -> Spending:
    """Return what a report of ``bucket,group`` says; columns it does not name are 0."""
    times = axis.buckets(span.bucket, now_s, span.seconds)
    places = {axis.name(span.bucket, time_s): at for at, time_s in enumerate(times)}
    found: dict[str | None, tuple[dict[str, int], dict[str, list[float]]]] = {}
    for row in values.objects(report.get("data"), MAX_ROWS):
        counts = _counts(row)
        named: Json = row.get(group)
        name = values.text(named) if isinstance(named, str) else None
        if name not in found:
            found[name] = (
                dict.fromkeys(FIELDS, 0),
                {metric: [0.0] * len(times) for metric in METRICS},
            )
        totals, columns = found[name]
        for field in FIELDS:
            totals[field] += counts[field]
        at = places.get(values.text(row.get(span.bucket)))
        for metric in METRICS if at is not None else ():
            columns[metric][at or 0] += amount(counts, metric)
    return Spending(
        times=times,
        groups=[
            Sums(group=name, totals=totals, columns=columns)
            for name, (totals, columns) in found.items()
        ],
        totals=_counts(as_object(report.get("totals"))),
    )


def _counts(row: Object) -> dict[str, int]:
    return {field: values.count(row.get(field)) for field in FIELDS}
