"""Write the counters in Prometheus' text format, at scrape time only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from prismd.kernel.money import NANO_PER_USD
from prismd.metering.recorder import BUCKETS_S, Recorder

_LABELS = ("model", "provider")


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the event loop was, in all samples."""

    bounds_s: Sequence[float]
    counts: Sequence[int]
    """One more than there are bounds."""
    sum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Values that are read off the process at the moment of the scrape."""

    uptime_s: float
    running_calls: int
    keys: int
    provider_up: dict[str, bool]
    loop_lag: Lag
    shed_by_reason: Mapping[str, int]
    waiting_writes: Mapping[str, int]
    """By database."""
    last_commit_s: Mapping[str, float]
    """By database."""
    connections: Mapping[str, Mapping[str, int]]
    """By provider and state: ``in_use``, ``idle``, ``waiting``."""
    viewers: int


class _Snapshot(Collector):
    def __init__(self, recorder: Recorder, gauges: Gauges) -> None:
        self._recorder = recorder
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        yield from self._process()
        yield from self._load()
        yield from self._calls()

    def _process(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "prism_uptime_seconds", "Seconds since start.", value=self._gauges.uptime_s
        )
        yield GaugeMetricFamily(
            "prism_running_requests", "Calls running now.", value=self._gauges.running_calls
        )
        yield GaugeMetricFamily("prism_keys", "Virtual keys, of any status.", self._gauges.keys)
        up = GaugeMetricFamily(
            "prism_provider_healthy",
            "1 unless most calls of the last 5 minutes failed.",
            labels=["provider"],
        )
        for provider, is_up in sorted(self._gauges.provider_up.items()):
            up.add_metric([provider], 1.0 if is_up else 0.0)
        yield up
        refused = CounterMetricFamily(
            "prism_refused_requests", "Calls that reached no provider.", labels=["code"]
        )
        for code, count in sorted(self._recorder.refused_by_code.items()):
            refused.add_metric([code], count)
        yield refused

    def _load(self) -> Iterator[Metric]:
        gauges = self._gauges
        lag = HistogramMetricFamily(
            "prism_event_loop_lag_seconds", "How late the event loop was, sampled.", labels=()
        )
        counts = _cumulative(gauges.loop_lag.bounds_s, gauges.loop_lag.counts)
        lag.add_metric((), counts, gauges.loop_lag.sum_s)
        yield lag
        shed = CounterMetricFamily(
            "prism_shed_requests", "Calls refused because of overload.", labels=["reason"]
        )
        for reason, count in gauges.shed_by_reason.items():
            shed.add_metric([reason], count)
        yield shed
        waiting = GaugeMetricFamily(
            "prism_waiting_writes", "Units of work that wait for the disk.", labels=["database"]
        )
        for database, writes in gauges.waiting_writes.items():
            waiting.add_metric([database], writes)
        yield waiting
        commit = GaugeMetricFamily(
            "prism_last_commit_seconds", "How long the last commit took.", labels=["database"]
        )
        for database, seconds in gauges.last_commit_s.items():
            commit.add_metric([database], seconds)
        yield commit
        connections = GaugeMetricFamily(
            "prism_provider_connections",
            "Connections to a provider by state, and calls that wait for one.",
            labels=["provider", "state"],
        )
        for provider, by_state in sorted(gauges.connections.items()):
            for state, count in by_state.items():
                connections.add_metric([provider, state], count)
        yield connections
        yield GaugeMetricFamily(
            "prism_event_viewers", "Viewers of the event feed.", value=gauges.viewers
        )

    def _calls(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "prism_requests", "Calls by outcome.", labels=[*_LABELS, "status"]
        )
        input_tokens = CounterMetricFamily(
            "prism_tokens_input", "Prompt tokens, cached ones included.", labels=_LABELS
        )
        output_tokens = CounterMetricFamily(
            "prism_tokens_output", "Generated tokens.", labels=_LABELS
        )
        cost = CounterMetricFamily("prism_cost_usd", "Cost in US dollars.", labels=_LABELS)
        unpriced = CounterMetricFamily(
            "prism_unpriced_requests", "Calls of models without a price.", labels=_LABELS
        )
        duration = HistogramMetricFamily(
            "prism_request_duration_seconds", "Time to the end of the answer.", labels=_LABELS
        )
        for label, series in sorted(self._recorder.series.items()):
            for status, count in sorted(series.by_status.items()):
                requests.add_metric([*label, str(status)], count)
            input_tokens.add_metric(label, series.input_tokens)
            output_tokens.add_metric(label, series.output_tokens)
            cost.add_metric(label, series.cost_nano_usd / NANO_PER_USD)
            unpriced.add_metric(label, series.unpriced)
            buckets = _cumulative(BUCKETS_S, series.latency_buckets)
            duration.add_metric(label, buckets, series.latency_sum_s)
        overruns = CounterMetricFamily(
            "prism_overruns", "Calls that cost more than was held for them."
        )
        overruns.add_metric((), self._recorder.overruns)
        yield from (overruns, requests, input_tokens, output_tokens, cost, unpriced, duration)


def _cumulative(bounds_s: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    bounds = [str(bound) for bound in bounds_s] + ["+Inf"]
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip(bounds, counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets


def render(recorder: Recorder, gauges: Gauges) -> bytes:
    """Return the metrics page, text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(recorder, gauges))
    return generate_latest(registry)
