import pytest

from prismd.kernel import clock
from prismd.metering.trace import Trace


def test_stages_are_timed_from_one_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.5, 12.0])
    monkeypatch.setattr(clock, "monotonic_s", lambda: next(times))
    trace = Trace(10.0)
    trace.decided("permit", "k", lambda key_id: {"key_id": key_id})
    trace.stage("plan")
    trace.attempt("p", "m", status=None, outcome="x")
    assert trace.stages == [
        {"stage": "permit", "ms": 500.0, "detail": {"key_id": "k"}},
        {"stage": "plan", "ms": 1500.0, "detail": {}},
    ]
    assert trace.attempt_count == 1
    assert trace.attempts == [{"provider": "p", "model": "m", "status": None, "outcome": "x"}]
