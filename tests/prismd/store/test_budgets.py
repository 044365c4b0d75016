"""Budgets and what their windows have seen come back from a real database as they went in."""

from prismd.store import budgets, keys, ledger
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow, WindowRef, WindowSums
from prismd.wire.ledger import spend_account
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, make_hold, make_record

BUDGET = Budget(
    id="bgt_1",
    scope=BudgetScope.TAG,
    subject="team=search",
    window=BudgetWindow.WEEKLY,
    limit_nano_usd=2**62,
    is_hard=False,
    warn_percent=33,
    created_at_s=5,
    updated_at_s=6,
)
WINDOW = WindowRef("bgt_1", 345_600)


async def test_a_budget_comes_back_as_it_went_in(stores: Stores) -> None:
    await stores.state.write(lambda tx: budgets.put(tx, BUDGET))
    assert await budgets.load(stores.state) == [BUDGET]
    await stores.state.write(lambda tx: budgets.delete(tx, BUDGET.id))
    assert await budgets.load(stores.state) == []


async def test_windows_keep_what_was_spent_held_and_forgiven(stores: Stores) -> None:
    def write(tx: Tx) -> None:
        keys.insert(tx, make_key(id="k"))
        ledger.open_accounts(tx, "k")
        budgets.put(tx, BUDGET)
        for number, cost in enumerate((30, 12)):
            hold = make_hold(
                f"r{number}", spend_account("k"), 40, windows=(WINDOW,), limits=(None,)
            )
            ledger.hold(tx, hold, OPEN_CALL)
            if number == 0:
                ledger.settle(tx, make_record(hold, cost), hold)
                budgets.forgive(tx, WINDOW)

    await stores.state.write(write)
    found = await budgets.load_windows(stores.state, since_s=WINDOW.starts_at_s)
    assert found == {WINDOW: WindowSums(30, 40, 30)}
    assert await budgets.load_windows(stores.state, since_s=WINDOW.starts_at_s + 1) == {}
    (orphan,) = await ledger.orphans(stores.state)
    assert (orphan.hold.request_id, orphan.hold.windows) == ("r1", (WINDOW,))
    assert await ledger.credit_balances(stores.state) == {}
