"""Rates are differences of totals; percentiles are read off histograms."""

from typing import Any

import pytest

from prismctl.tui import rates

BOUNDS = [0.1, 1.0]


def tick(ts_s: float, *, calls: int = 0, uptime_s: float | None = None, **more: Any) -> Any:
    row = {"model": "m", "provider": "p", "calls": calls, **more}
    up = ts_s if uptime_s is None else uptime_s
    return rates.totals(
        {"ts_s": ts_s, "uptime_s": up, "running": 2, "latency_bounds_s": BOUNDS, "series": [row]}  # type: ignore[dict-item]
    )


def test_a_sample_is_what_happened_in_between() -> None:
    sample = rates.difference(
        tick(100.0, calls=5, errors=1, latency_buckets=[5, 0, 0]),
        tick(102.0, calls=9, errors=2, latency_buckets=[6, 3, 0]),
    )
    assert sample is not None
    assert (sample.span_s, sample.total.calls, sample.total.errors, sample.running) == (2, 4, 1, 2)
    assert sample.total.latency_buckets == (1, 3, 0)


def test_a_new_model_counts_from_zero() -> None:
    sample = rates.difference(rates.Totals(ts_s=1.0), tick(2.0, calls=3))
    assert sample is not None
    assert sample.total.calls == 3


@pytest.mark.parametrize(
    "later",
    [
        tick(102.0, calls=9, uptime_s=1.0),
        tick(102.0, calls=4),
        tick(100.0, calls=9),
        tick(99.0, calls=9),
    ],
    ids=["less uptime", "fewer calls", "same time", "earlier"],
)
def test_there_is_no_difference_over_a_restart(later: rates.Totals) -> None:
    assert rates.difference(tick(100.0, calls=5), later) is None


def test_series_in_which_nothing_happened_are_left_out() -> None:
    sample = rates.difference(tick(1.0, calls=5), tick(2.0, calls=5))
    assert sample is not None
    assert sample.series == ()


def test_rates_of_a_window() -> None:
    total = rates.Series(
        calls=120, errors=6, input_tokens=1000, output_tokens=200, cached_input_tokens=250,
        cost_nano_usd=2_000_000_000, latency_buckets=(60, 60, 0),
    )  # fmt: skip
    found = rates.rates(total, 60.0, BOUNDS)
    assert found.calls_per_s == 2
    assert found.error_ratio == 0.05
    assert found.tokens_per_s == 20
    assert found.dollars_per_h == 120
    assert found.cached_ratio == 0.25
    assert found.latency_p50_s == pytest.approx(0.1)
    assert found.latency_p95_s == pytest.approx(0.91)
    assert found.first_byte_p50_s is None


def test_no_calls_have_no_shares() -> None:
    found = rates.rates(rates.Series(), 10.0, BOUNDS)
    assert (found.error_ratio, found.cached_ratio, found.latency_p50_s) == (None, None, None)
    assert rates.rates(rates.Series(calls=5), 0.0, BOUNDS).calls_per_s == 0


def test_what_is_above_the_last_bound_counts_as_it() -> None:
    assert rates.quantile(BOUNDS, [0, 0, 10], 0.5) == 1.0
    assert rates.quantile(BOUNDS, [1, 0], 0.5) is None
    assert rates.quantile([], [], 0.5) is None
