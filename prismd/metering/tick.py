"""The ``tick`` event: the state of the process in one object, O(models) however many watch."""

from prismd.metering.recorder import Recorder


def tick(recorder: Recorder, *, running: int, uptime_s: float) -> dict[str, object]:
    """Return totals since start, per model and provider; viewers derive rates from differences."""
    return {
        "uptime_s": round(uptime_s, 1),
        "running": running,
        "series": [
            {
                "model": model,
                "provider": provider,
                "calls": series.calls,
                "errors": series.errors,
                "input_tokens": series.input_tokens,
                "output_tokens": series.output_tokens,
                "cost_nano_usd": series.cost_nano_usd,
                "latency_sum_s": round(series.latency_sum_s, 6),
            }
            for (model, provider), series in recorder.series.items()
        ],
    }
