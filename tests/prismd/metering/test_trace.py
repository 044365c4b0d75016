import pytest

from prismd.kernel import clock
from prismd.metering.trace import Trace


def test_stages_are_timed_from_one_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.5, 12.0])
    monkeypatch.setattr(clock, "monotonic_s", lambda: next(times))
    trace = Trace(10.0)
    trace.stage("permit", key_id="k")
    trace.stage("plan")
    trace.attempt("p", "m", status=None, outcome="x")
    assert [(one["stage"], one["ms"]) for one in trace.stages] == [
        ("permit", 500.0),
        ("plan", 1500.0),
    ]
    assert trace.attempts == [{"provider": "p", "model": "m", "status": None, "outcome": "x"}]
