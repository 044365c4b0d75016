"""The ``tick`` event: the state of the process in one object, O(models) however many watch."""

from collections.abc import Sequence
from dataclasses import dataclass

from prismd.metering.recorder import BUCKETS_S, Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How the process is doing now."""

    uptime_s: float
    running: int
    """Calls that run."""
    streams: int
    """Those of them that stream."""
    viewers: int
    loop_lag_s: float
    """How late the event loop was at most since the last tick."""
    waiting_writes: int
    rss_bytes: int | None


def tick(
    recorder: Recorder, vitals: Vitals, providers: Sequence[dict[str, object]]
) -> dict[str, object]:
    """Return totals since start, per model and provider; viewers derive rates from differences."""
    return {
        "uptime_s": round(vitals.uptime_s, 1),
        "running": vitals.running,
        "streams": vitals.streams,
        "viewers": vitals.viewers,
        "loop_lag_ms": round(vitals.loop_lag_s * 1000, 3),
        "waiting_writes": vitals.waiting_writes,
        "rss_bytes": vitals.rss_bytes,
        "refused": dict(recorder.refused_by_code),
        "latency_bounds_s": BUCKETS_S,
        "series": [
            {
                "model": model,
                "provider": provider,
                "calls": series.calls,
                "errors": series.errors,
                "input_tokens": series.input_tokens,
                "cached_input_tokens": series.cached_input_tokens,
                "output_tokens": series.output_tokens,
                "cost_nano_usd": series.cost_nano_usd,
                "unpriced": series.unpriced,
                "latency_sum_s": round(series.latency_sum_s, 6),
                "latency_buckets": list(series.latency_buckets),
                "first_byte_sum_s": round(series.first_byte_sum_s, 6),
                "first_byte_buckets": list(series.first_byte_buckets),
            }
            for (model, provider), series in recorder.series.items()
        ],
        "providers": providers,
    }
