"""What cannot be paid for is refused with the first reason, its numbers, and when it may be."""

import pytest

from prismd.kernel import clock
from prismd.kernel.errors import InsufficientCredits, LimitReached
from prismd.kernel.money import NanoUsd
from prismd.policy.reserve import Reserve
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow, WindowRef, WindowSums
from prismd.wire.call import Call
from prismd.wire.key import KeyType
from tests.builders import make_call, make_key

NOW_S = 1_795_435_200.0
"""2026-11-23T12:00:00Z."""


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S)


def make_budget(budget_id: str = "b", **fields: object) -> Budget:
    known = {
        "scope": BudgetScope.KEY,
        "subject": "key_1",
        "window": BudgetWindow.DAILY,
        "limit_nano_usd": 100,
        "created_at_s": 1,
        "updated_at_s": 1,
    }
    return Budget(id=budget_id, **{**known, **fields})  # type: ignore[arg-type]


def make_reserve(*budgets: Budget, credit: int = 0) -> Reserve:
    reserve = Reserve()
    reserve.load({"key_1": NanoUsd(credit)}, budgets, {})
    return reserve


def call_of(kind: KeyType = KeyType.BYOK, request_id: str = "r") -> Call:
    return make_call(make_key(key_type=kind), request_id=request_id)


def test_credits_are_held_and_the_refusal_says_how_much_there_is() -> None:
    reserve = make_reserve(credit=100)
    reserve.hold(call_of(KeyType.MANAGED), (), 70)
    with pytest.raises(InsufficientCredits) as refused:
        reserve.hold(call_of(KeyType.MANAGED), (), 31)
    error = refused.value
    assert (error.status, error.code) == (402, "insufficient_credits")
    told = {name: error.details[f"{name}_nano_usd"] for name in ("needed", "balance", "held")}
    assert told == {"needed": 31, "balance": 100, "held": 70}
    assert error.headers["x-should-retry"] == "false"
    assert reserve.hold(call_of(KeyType.MANAGED), (), 30).is_prepaid


def test_a_key_at_zero_may_not_even_call_what_costs_nothing() -> None:
    with pytest.raises(InsufficientCredits):
        make_reserve().hold(call_of(KeyType.MANAGED), (), 0)
    assert make_reserve().hold(call_of(), (), 0).amount_nano_usd == 0


def test_the_first_budget_that_fails_is_named_with_its_reset() -> None:
    wide, tight = make_budget("wide", limit_nano_usd=1000), make_budget("tight")
    reserve = make_reserve(wide, tight)
    reserve.hold(call_of(), (wide, tight), 60)
    with pytest.raises(LimitReached) as refused:
        reserve.hold(call_of(), (wide, tight), 41)
    error = refused.value
    assert (error.status, error.code, error.param) == (429, "budget_exceeded", "budgets")
    assert (error.details["budget"], error.details["held_nano_usd"]) == ("tight", 60)
    assert error.details["resets_at"] == "2026-11-24T00:00:00Z"
    assert error.retry_after_s == 12 * 3600
    # Nothing of the refused call is held, in no budget.
    assert reserve.sums(wide, NOW_S).held_nano_usd == 60


def test_a_refusal_by_a_budget_holds_no_credits() -> None:
    budget = make_budget(limit_nano_usd=10)
    reserve = make_reserve(budget, credit=100)
    with pytest.raises(LimitReached):
        reserve.hold(call_of(KeyType.MANAGED), (budget,), 11)
    assert reserve.credits("key_1").held == 0


def test_a_soft_budget_refuses_nothing_and_warns_once_per_mark() -> None:
    budget = make_budget(is_hard=False, warn_percent=50)
    reserve = make_reserve(budget)
    seen = []
    for number in range(6):
        hold = reserve.hold(call_of(request_id=f"r{number}"), (budget,), 0)
        reserve.owe(hold, 30)
        seen.append([alert.percent for alert in reserve.settle(hold, 30)])
    assert seen == [[], [50], [], [100], [], []]
    assert reserve.sums(budget, NOW_S).counted_nano_usd == 180


def test_a_clock_that_steps_back_finds_the_window_that_it_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = make_budget()
    reserve = make_reserve(budget)
    midnight_s = NOW_S + 12 * 3600
    for now_s, cost in ((midnight_s - 1, 100), (midnight_s + 1, 90)):
        monkeypatch.setattr(clock, "wall_s", lambda now_s=now_s: now_s)
        reserve.settle(reserve.hold(call_of(), (budget,), cost), cost)
    monkeypatch.setattr(clock, "wall_s", lambda: midnight_s - 3600)
    with pytest.raises(LimitReached):
        reserve.hold(call_of(), (budget,), 1)
    monkeypatch.setattr(clock, "wall_s", lambda: midnight_s + 3600)
    assert reserve.sums(budget, midnight_s + 3600).counted_nano_usd == 90


def test_what_was_seen_before_a_restart_counts() -> None:
    budget = make_budget()
    reserve = Reserve()
    window = WindowRef("b", int(NOW_S // 86_400) * 86_400)
    reserve.load({}, [budget], {window: WindowSums(spent_nano_usd=130, forgiven_nano_usd=50)})
    reserve.hold(call_of(), (budget,), 20)
    with pytest.raises(LimitReached):
        reserve.hold(call_of(), (budget,), 1)


def test_more_is_held_while_an_overrun_is_being_written() -> None:
    reserve = make_reserve(credit=100)
    hold = reserve.hold(call_of(KeyType.MANAGED), (), 10)
    reserve.owe(hold, 95)
    with pytest.raises(InsufficientCredits):
        reserve.hold(call_of(KeyType.MANAGED), (), 6)
    reserve.settle(hold, 95)
    assert (reserve.credits("key_1").posted, reserve.credits("key_1").held) == (5, 0)


def test_a_key_whose_books_do_not_agree_spends_nothing() -> None:
    reserve = make_reserve(credit=100)
    reserve.faulty_keys.add("key_1")
    with pytest.raises(InsufficientCredits, match="ledger verify"):
        reserve.hold(call_of(KeyType.MANAGED), (), 1)


def test_a_call_counts_in_the_window_that_it_began_in(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = make_budget()
    reserve = make_reserve(budget)
    hold = reserve.hold(call_of(), (budget,), 60)
    tomorrow_s = NOW_S + 86_400
    monkeypatch.setattr(clock, "wall_s", lambda: tomorrow_s)
    other = reserve.hold(call_of(), (budget,), 100)
    reserve.settle(hold, 50)
    seen = (reserve.sums(budget, NOW_S), reserve.sums(budget, tomorrow_s))
    assert [sums.spent_nano_usd for sums in seen] == [50, 0]
    assert [sums.held_nano_usd for sums in seen] == [0, other.amount_nano_usd]


def test_a_changed_budget_is_in_force_for_the_next_call_and_for_warnings() -> None:
    budget = make_budget()
    reserve = make_reserve(budget)
    hold = reserve.hold(call_of(), (budget,), 60)
    narrow = make_budget(limit_nano_usd=50)
    reserve.budgets.put(narrow)
    with pytest.raises(LimitReached):
        reserve.hold(call_of(), (narrow,), 1)
    assert [alert.percent for alert in reserve.settle(hold, 60)] == [100]
