from dataclasses import replace

from prismd.metering.recorder import BUCKETS_S, Recorder
from prismd.metering.tick import Vitals, tick
from prismd.wire.common import Usage
from tests.prismd.metering.test_prometheus import record

VITALS = Vitals(
    uptime_s=1.26,
    running=2,
    streams=1,
    viewers=3,
    loop_lag_s=0.0123456,
    waiting_writes=4,
    rss_bytes=5,
)


def test_a_tick_is_as_large_as_the_catalog_not_as_the_traffic() -> None:
    assert tick(Recorder(), VITALS, []) == {
        "uptime_s": 1.3,
        "running": 2,
        "streams": 1,
        "viewers": 3,
        "loop_lag_ms": 12.346,
        "waiting_writes": 4,
        "rss_bytes": 5,
        "refused": {},
        "latency_bounds_s": BUCKETS_S,
        "series": [],
        "providers": [],
    }


def test_a_series_sums_what_its_calls_were() -> None:
    recorder = Recorder()
    usage = Usage(input_tokens=3, cached_input_tokens=1, output_tokens=2)
    for call in (
        record(latency_ms=30.0, first_byte_ms=6.0, usage=usage, cost_nano_usd=7),
        record(latency_ms=99_000.0, first_byte_ms=None, usage=usage, cost_nano_usd=None),
    ):
        recorder.add(call, call.model)
    recorder.add(record(provider=None, status=403, error_code="permission_denied"), None)
    body = tick(recorder, replace(VITALS, rss_bytes=None), [])
    assert body["refused"] == {"permission_denied": 1}
    assert isinstance(body["series"], list)
    served, refused = body["series"]
    assert served == {
        "model": "m",
        "provider": "p",
        "calls": 2,
        "errors": 0,
        "input_tokens": 6,
        "cached_input_tokens": 2,
        "output_tokens": 4,
        "cost_nano_usd": 7,
        "unpriced": 1,
        "latency_sum_s": 99.03,
        "latency_buckets": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        "first_byte_sum_s": 0.006,
        "first_byte_buckets": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    }
    assert (refused["model"], refused["provider"], refused["errors"]) == ("other", "none", 1)
