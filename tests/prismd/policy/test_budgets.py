"""Windows follow the calendar in UTC; a call counts in the budgets that it should, no other."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.policy.budgets import BudgetBook, bounds
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow
from tests.builders import make_key

MOMENTS = st.integers(86_400 * 365, 253_000_000_000).map(
    lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC)
)
STEPS = [window for window in BudgetWindow if window is not BudgetWindow.TOTAL]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def make(budget_id: str, scope: BudgetScope, subject: str, **more: object) -> Budget:
    fields = {"limit_nano_usd": 1, "created_at_s": 1, "updated_at_s": 1, **more}
    return Budget(id=budget_id, scope=scope, subject=subject, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("window", "moment", "begins", "ends"),
    [
        ("daily", "2026-03-29T01:30:00", "2026-03-29", "2026-03-30"),  # clocks change in Europe
        ("daily", "2028-02-29T23:59:59", "2028-02-29", "2028-03-01"),
        ("weekly", "2026-11-23T00:00:00", "2026-11-23", "2026-11-30"),  # a Monday
        ("weekly", "2026-11-22T23:59:59", "2026-11-16", "2026-11-23"),
        ("weekly", "2027-01-01T12:00:00", "2026-12-28", "2027-01-04"),
        ("monthly", "2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
        ("monthly", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
    ],
)
def test_bounds(window: str, moment: str, begins: str, ends: str) -> None:
    assert bounds(BudgetWindow(window), at(moment)) == (at(begins), at(ends))


def test_a_total_never_starts_anew() -> None:
    assert bounds(BudgetWindow.TOTAL, 1e9) == (0, None)


@given(MOMENTS, st.sampled_from(STEPS))
def test_windows_follow_each_other_without_gap_or_overlap(
    moment: datetime, window: BudgetWindow
) -> None:
    begins, ends = bounds(window, moment.timestamp())
    assert ends is not None
    assert begins <= moment.timestamp() < ends
    assert bounds(window, begins) == bounds(window, ends - 0.001) == (begins, ends)
    assert bounds(window, ends)[0] == ends
    assert bounds(window, begins - 1)[1] == begins
    assert timedelta(seconds=ends - begins) <= timedelta(days=31)


def test_a_call_counts_in_the_budgets_of_all_its_scopes_in_order() -> None:
    book = BudgetBook(
        [
            make("tag", BudgetScope.TAG, "team=search"),
            make("model*", BudgetScope.MODEL, "gpt-*"),
            make("model", BudgetScope.MODEL, "gpt-5"),
            make("org", BudgetScope.ORG, "acme"),
            make("owner", BudgetScope.OWNER, "ann"),
            make("month", BudgetScope.KEY, "k", window=BudgetWindow.MONTHLY),
            make("day", BudgetScope.KEY, "k", window=BudgetWindow.DAILY),
            make("other key", BudgetScope.KEY, "k2"),
            make("other tag", BudgetScope.TAG, "team=ads"),
        ]
    )
    key = make_key(id="k", owner="ann", org_id="acme")
    tags = {"team": "search", "env": "dev"}
    found = [budget.id for budget in book.matching(key, "gpt-5", tags)]
    assert found == ["day", "month", "owner", "org", "model", "model*", "tag"]
    assert [budget.id for budget in book.matching(make_key(id="x"), "m", {})] == []


def test_a_changed_or_removed_budget_is_in_force_at_once() -> None:
    book = BudgetBook([make("b", BudgetScope.MODEL, "gpt-*")])
    book.put(make("b", BudgetScope.MODEL, "gpt-*", limit_nano_usd=7))
    (found,) = book.matching(make_key(), "gpt-5", {})
    assert found.limit_nano_usd == 7
    book.remove("b")
    assert book.matching(make_key(), "gpt-5", {}) == ()
    assert book.all() == []
