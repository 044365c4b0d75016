"""A call is refused while there is no room for it, and no longer."""

import contextlib

import pytest

from prismd.kernel.errors import Overloaded
from prismd.policy.load import LAG_S, SAMPLES, WAITING_WRITES, Load


def refused(load: Load, running: int = 0) -> str | None:
    """Return why a call is refused; None: it is not."""
    before = dict(load.shed_by_reason)
    with contextlib.suppress(Overloaded):
        load.check(running, 10)
    reasons = [name for name, count in load.shed_by_reason.items() if count > before[name]]
    return reasons[0] if reasons else None


def test_who_is_refused_is_told_when_to_come_again() -> None:
    with pytest.raises(Overloaded, match=r"10 calls run \(server.max_running_calls\)") as refusal:
        Load().check(10, 10)
    assert refusal.value.retry_after_s == 1.0


def test_as_many_calls_run_as_may() -> None:
    load = Load()
    assert refused(load, 9) is None
    assert refused(load, 10) == "calls"


@pytest.mark.parametrize("late", range(SAMPLES + 1))
def test_one_long_step_is_no_overload_and_a_queue_is(late: int) -> None:
    load = Load()
    for _ in range(5):
        load.sample(0.001, 0)
    for _ in range(late):
        load.sample(LAG_S * 2, 0)
    assert refused(load) == ("event_loop" if late == SAMPLES else None)
    load.sample(0.001, 0)
    assert refused(load) is None


def test_a_disk_that_is_behind_takes_no_more_calls() -> None:
    load = Load()
    load.sample(0.0, WAITING_WRITES - 1)
    assert refused(load) is None
    load.sample(0.0, WAITING_WRITES)
    assert refused(load) == "storage"


def test_samples_are_counted_in_a_histogram() -> None:
    load = Load()
    for lag_s in (0.0005, 0.001, 0.03, 5.0):
        load.sample(lag_s, 0)
    assert (load.lag_buckets[0], load.lag_buckets[5], load.lag_buckets[-1]) == (2, 1, 1)
    assert load.lag_s == 5.0
    assert load.lag_sum_s == pytest.approx(5.0315)
