from prismd.metering import prometheus
from prismd.metering.prometheus import Gauges, Lag
from prismd.metering.recorder import Recorder
from prismd.wire.common import Usage
from prismd.wire.usage import CallRecord


def record(**changes: object) -> CallRecord:
    fields: dict[str, object] = {
        "request_id": "req_1",
        "ts_s": 1.0,
        "key_id": "key_1",
        "owner": None,
        "org_id": None,
        "op": "chat",
        "model": "m",
        "provider": "p",
        "upstream_model": "m",
        "status": 200,
        "error_code": None,
        "is_stream": False,
        "is_complete": True,
        "usage": Usage(input_tokens=3, output_tokens=2),
        "cost_nano_usd": 1_500_000_000,
        "price_source": "config",
        "latency_ms": 30.0,
        "first_byte_ms": 20.0,
        "attempts": 1,
    }
    return CallRecord(**(fields | changes))  # type: ignore[arg-type]


def page(recorder: Recorder) -> str:
    gauges = Gauges(
        uptime_s=2.0,
        running_calls=1,
        keys=3,
        provider_up={"p": True, "q": False},
        loop_lag=Lag((0.01, 0.1), (7, 2, 1), 0.5),
        shed_by_reason={"calls": 4},
        waiting_writes={"state": 6},
        last_commit_s={"state": 0.002},
        connections={"p": {"in_use": 3, "idle": 1, "waiting": 0}},
        viewers=2,
    )
    return prometheus.render(recorder, gauges).decode()


def test_calls_tokens_cost_and_latency_are_shown() -> None:
    recorder = Recorder()
    recorder.add(record(), record().model)
    recorder.add(record(status=502, cost_nano_usd=None), record().model)
    text = page(recorder)
    for line in (
        'prism_requests_total{model="m",provider="p",status="200"} 1.0',
        'prism_requests_total{model="m",provider="p",status="502"} 1.0',
        'prism_tokens_input_total{model="m",provider="p"} 6.0',
        'prism_cost_usd_total{model="m",provider="p"} 1.5',
        'prism_unpriced_requests_total{model="m",provider="p"} 1.0',
        'prism_request_duration_seconds_bucket{le="0.025",model="m",provider="p"} 0.0',
        'prism_request_duration_seconds_bucket{le="0.05",model="m",provider="p"} 2.0',
        'prism_request_duration_seconds_bucket{le="+Inf",model="m",provider="p"} 2.0',
        'prism_provider_healthy{provider="q"} 0.0',
        "prism_keys 3.0",
    ):
        assert line in text


def test_a_clients_own_words_never_become_a_label() -> None:
    recorder = Recorder()
    for number in range(100):
        recorder.add(
            record(
                model=f"made-up-{number}", provider=None, status=404, error_code="model_not_found"
            ),
            None,
        )
    text = page(recorder)
    assert "made-up" not in text
    assert 'prism_requests_total{model="other",provider="none",status="404"} 100.0' in text
    assert 'prism_refused_requests_total{code="model_not_found"} 100.0' in text


def test_the_load_is_shown() -> None:
    text = page(Recorder())
    for line in (
        'prism_event_loop_lag_seconds_bucket{le="0.01"} 7.0',
        'prism_event_loop_lag_seconds_bucket{le="0.1"} 9.0',
        "prism_event_loop_lag_seconds_count 10.0",
        "prism_event_loop_lag_seconds_sum 0.5",
        'prism_shed_requests_total{reason="calls"} 4.0',
        'prism_waiting_writes{database="state"} 6.0',
        'prism_last_commit_seconds{database="state"} 0.002',
        'prism_provider_connections{provider="p",state="in_use"} 3.0',
        "prism_event_viewers 2.0",
    ):
        assert line in text.splitlines()
