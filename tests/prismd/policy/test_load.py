"""A call is refused while there is no room for it, and no longer."""

import contextlib

import pytest

from prismd.kernel.errors import Overloaded
from prismd.policy.load import FEW_CALLS, LAG_S, LEAST_SHARE, PERIOD_S, SHRINK, WAITING_WRITES, Load

PATIENCE_S = 1.0
IN_PATIENCE = int(PATIENCE_S / (PERIOD_S + LAG_S * 2))
"""Late samples that fit into it."""


def many_come(load: Load) -> None:
    for _ in range(FEW_CALLS + 1):
        load.lets_in()


def sample(load: Load, lag_s: float, waiting_writes: int = 0) -> None:
    load.sample(lag_s, waiting_writes=waiting_writes, patience_s=PATIENCE_S)


def late(load: Load, *, samples: int) -> None:
    """Have calls come and the loop be late, sample after sample."""
    for _ in range(samples):
        many_come(load)
        sample(load, LAG_S * 2)


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


def test_a_burst_changes_nothing_and_a_standing_queue_does() -> None:
    load = Load()
    for _ in range(5):
        late(load, samples=IN_PATIENCE)
        assert load.share == 1.0
        sample(load, 0.001)
    late(load, samples=IN_PATIENCE + 1)
    assert load.share == pytest.approx(SHRINK)
    late(load, samples=1)
    assert load.share == pytest.approx(SHRINK**2)


def test_a_loop_that_is_late_by_something_else_refuses_nobody() -> None:
    load = Load()
    for _ in range(100):
        assert all(load.lets_in() for _ in range(FEW_CALLS))
        sample(load, LAG_S * 2)
    assert load.share == 1.0


def test_the_share_shrinks_while_the_loop_is_behind_and_grows_again() -> None:
    load = Load()
    late(load, samples=IN_PATIENCE + 100)
    assert load.share == LEAST_SHARE
    for _ in range(100):
        sample(load, 0.0)
    assert load.share == 1.0


def test_of_many_calls_the_share_is_let_in() -> None:
    load = Load()
    load.share = 0.3
    many_come(load)
    before = load.shed_by_reason["event_loop"]
    assert sum(load.lets_in() for _ in range(1_000)) == pytest.approx(300, abs=1)
    assert load.shed_by_reason["event_loop"] - before == pytest.approx(700, abs=1)


def test_a_few_calls_are_let_in_whatever_the_share_is() -> None:
    load = Load()
    load.share = LEAST_SHARE
    assert [load.lets_in() for _ in range(FEW_CALLS + 1)] == [*[True] * FEW_CALLS, False]


def test_a_disk_that_is_behind_takes_no_more_calls() -> None:
    load = Load()
    sample(load, 0.0, WAITING_WRITES - 1)
    assert refused(load) is None
    sample(load, 0.0, WAITING_WRITES)
    assert refused(load) == "storage"


def test_samples_are_counted_in_a_histogram() -> None:
    load = Load()
    for lag_s in (0.0005, 0.001, 0.03, 5.0):
        sample(load, lag_s)
    assert (load.lag_buckets[0], load.lag_buckets[5], load.lag_buckets[-1]) == (2, 1, 1)
    assert load.lag_sum_s == pytest.approx(5.0315)
