"""Counters of the process: plain integers, added to on the hot path, read by metrics and ``tick``.

Label values come from the catalog, never from the client, so their number is bounded: a model that
no provider lists is counted as ``other``.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from prismd.wire.usage import CallRecord

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histograms, seconds."""
BUCKETS_MS = tuple(bound_s * 1000 for bound_s in BUCKETS_S)


@dataclass(slots=True)
class Series:
    """What happened for one model on one provider since the process started."""

    by_status: dict[int, int] = field(default_factory=dict)
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced: int = 0
    latency_buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    latency_sum_ms: float = 0.0
    first_byte_buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    first_byte_sum_ms: float = 0.0

    @property
    def latency_sum_s(self) -> float:
        """Sum of all latencies."""
        return self.latency_sum_ms / 1000

    @property
    def first_byte_sum_s(self) -> float:
        """Sum of the times to the first byte from the provider, of the calls that had one."""
        return self.first_byte_sum_ms / 1000

    @property
    def calls(self) -> int:
        """Number of calls."""
        return sum(self.by_status.values())

    @property
    def errors(self) -> int:
        """Number of calls that ended with a status of 400 or above."""
        return sum(count for status, count in self.by_status.items() if status >= 400)  # noqa: PLR2004


class Recorder:
    """All series, by (model, provider)."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self.refused_by_code: dict[str, int] = {}
        """Calls that reached no provider, by error code."""
        self.overruns = 0
        """Calls that cost more than was held for them."""

    def add(self, record: CallRecord, model: str | None) -> None:
        """Count one finished call, under the name of a model that is listed; None: another."""
        if record.provider is None:
            code = record.error_code or "unknown"
            self.refused_by_code[code] = self.refused_by_code.get(code, 0) + 1
        label = (model or "other", record.provider or "none")
        series = self.series.get(label)
        if series is None:
            series = self.series[label] = Series()
        status, usage, cost = record.status, record.usage, record.cost_nano_usd
        series.by_status[status] = series.by_status.get(status, 0) + 1
        series.input_tokens += usage.input_tokens
        series.cached_input_tokens += usage.cached_input_tokens
        series.output_tokens += usage.output_tokens
        if cost is not None:
            series.cost_nano_usd += cost
        elif usage.output_tokens:
            series.unpriced += 1
        ms = record.latency_ms
        series.latency_sum_ms += ms
        series.latency_buckets[bisect_left(BUCKETS_MS, ms)] += 1
        if (first_ms := record.first_byte_ms) is not None:
            series.first_byte_sum_ms += first_ms
            series.first_byte_buckets[bisect_left(BUCKETS_MS, first_ms)] += 1
