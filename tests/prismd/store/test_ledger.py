"""The ledger against a small pure model: whatever happens in whatever order, the books agree."""

import sqlite3

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from prismd.kernel.errors import InsufficientCredits, LimitReached
from prismd.kernel.money import NanoUsd
from prismd.policy.budgets import window_at
from prismd.policy.reserve import Reserve
from prismd.store import budgets as budget_table
from prismd.store import ledger
from prismd.store.ledger import LedgerMismatch
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow, WindowRef, WindowSums
from prismd.wire.key import KeyType
from prismd.wire.ledger import GRANTS, USAGE, Hold, credit_account, spend_account
from tests.builders import make_call, make_key
from tests.ledger_in_memory import OPEN_CALL, Books, make_hold, make_record

KEYS = ("a", "b", "c")
AMOUNTS = st.integers(0, 60)
CREDIT = credit_account("a")
BALANCE = "SELECT posted_nano_usd, held_nano_usd, overrun_nano_usd FROM accounts WHERE id = :id"


@pytest.fixture
def books() -> Books:
    books = Books()
    books.make_key("a")
    with books.change() as tx:
        ledger.grant(tx, "a", NanoUsd(100), at_s=1.0)
    return books


def balance(books: Books, account: str = CREDIT) -> tuple[int, ...]:
    return books.numbers(BALANCE, id=account)


def test_a_call_is_held_then_charged(books: Books) -> None:
    hold = make_hold("r", CREDIT, 60)
    with books.change() as tx:
        ledger.hold(tx, hold, OPEN_CALL)
    assert balance(books) == (100, 60, 0)
    with books.change() as tx:
        assert ledger.settle(tx, make_record(hold, 25), hold)
    assert balance(books) == (75, 0, 0)
    assert (balance(books, USAGE)[0], balance(books, GRANTS)[0]) == (25, -100)
    with books.change() as tx:
        assert not ledger.settle(tx, make_record(hold, 25), hold), "a second time changes nothing"
    assert balance(books) == (75, 0, 0)
    assert books.numbers("SELECT count(*) FROM postings WHERE kind = 'charge'") == (1,)


def test_a_hold_that_was_left_behind_is_given_back_and_its_call_not_charged_again(
    books: Books,
) -> None:
    window = WindowRef("bgt_1", 0)
    hold = make_hold("r", CREDIT, 60, windows=(window,), limits=(None,))
    with books.change() as tx:
        ledger.hold(tx, hold, OPEN_CALL)
        ledger.settle(tx, make_record(hold, 25), hold)
        ledger.hold(tx, hold, OPEN_CALL)
    assert balance(books) == (75, 60, 0)
    with books.change() as tx:
        assert not ledger.settle(tx, make_record(hold, 7), hold)
    assert balance(books) == (75, 0, 0)
    assert books.numbers("SELECT count(*) FROM holds") == (0,)
    sums = "SELECT spent_nano_usd, held_nano_usd FROM budget_windows WHERE budget_id = 'bgt_1'"
    assert books.numbers(sums) == (25, 0)


def test_the_database_decides_again(books: Books) -> None:
    with pytest.raises(LedgerMismatch, match="does not have"), books.change() as tx:
        ledger.hold(tx, make_hold("r", CREDIT, 101), OPEN_CALL)
    window = WindowRef("bgt_1", 0)
    over = make_hold("r", CREDIT, 50, windows=(window,), limits=(49,))
    with pytest.raises(LedgerMismatch, match="bgt_1"), books.change() as tx:
        ledger.hold(tx, over, OPEN_CALL)
    assert balance(books) == (100, 0, 0)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"), books.change() as tx:
        tx.execute("UPDATE accounts SET posted_nano_usd = -1 WHERE id = :id", {"id": CREDIT})


def test_a_call_that_cost_more_than_its_hold_is_an_overrun(books: Books) -> None:
    hold = make_hold("r", CREDIT, 60)
    with books.change() as tx:
        ledger.hold(tx, hold, OPEN_CALL)
    with books.change() as tx:
        ledger.settle(tx, make_record(hold, 180), hold)
    assert balance(books) == (-80, 0, 120)
    with pytest.raises(LedgerMismatch), books.change() as tx:
        ledger.hold(tx, make_hold("r2", CREDIT, 0), OPEN_CALL)


def test_what_is_booked_is_never_changed(books: Books) -> None:
    for sql in ("DELETE FROM postings", "UPDATE postings SET amount_nano_usd = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="never"), books.change() as tx:
            tx.execute(sql, {})


def test_a_call_is_charged_although_its_hold_was_never_written(books: Books) -> None:
    hold = make_hold("r", CREDIT, 60)
    with books.change() as tx:
        ledger.settle(tx, make_record(hold, 25), hold)
    assert balance(books) == (75, 0, 25)


class Ledger(RuleBasedStateMachine):
    """Two prepaid keys, one that is billed elsewhere, a hard and a soft budget over all three."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.number = 0
        self.open: dict[str, Hold] = {}
        self.credit = dict.fromkeys(KEYS, 0)
        self.spent = dict.fromkeys(KEYS, 0)
        self.window = {"bgt_hard": 0, "bgt_soft": 0}
        self.forgiven = {"bgt_hard": 0, "bgt_soft": 0}
        self.overrun = 0
        for number, key_id in enumerate(KEYS):
            self.books.make_key(key_id, number)
        for budget in (self.budget("bgt_hard", 150), self.budget("bgt_soft", 40)):
            with self.books.change() as tx:
                budget_table.put(tx, budget)
        self.reserve = Reserve()
        self.restart()

    @staticmethod
    def budget(budget_id: str, limit: int) -> Budget:
        is_hard = budget_id == "bgt_hard"
        return Budget(
            id=budget_id,
            scope=BudgetScope.MODEL if is_hard else BudgetScope.OWNER,
            subject="m" if is_hard else "ann",
            window=BudgetWindow.TOTAL,
            limit_nano_usd=limit,
            is_hard=is_hard,
            created_at_s=1,
            updated_at_s=1,
        )

    @rule(key_id=st.sampled_from(KEYS[:2]), amount=st.integers(1, 100))
    def grant(self, key_id: str, amount: int) -> None:
        with self.books.change() as tx:
            after = ledger.grant(tx, key_id, NanoUsd(amount), at_s=1.0)
        self.reserve.grant(key_id, amount)
        self.credit[key_id] += amount
        assert after == self.credit[key_id]

    @rule(key_id=st.sampled_from(KEYS), amount=AMOUNTS)
    def hold(self, key_id: str, amount: int) -> None:
        kind = KeyType.BYOK if key_id == "c" else KeyType.MANAGED
        key = make_key(id=key_id, owner="ann", key_type=kind)
        budgets = self.reserve.budgets.matching(key, "m", {})
        assert [budget.id for budget in budgets] == ["bgt_soft", "bgt_hard"]
        self.number += 1
        call = make_call(key, request_id=f"r{self.number}")
        held = sum(hold.amount_nano_usd for hold in self.open.values())
        mine = [hold.amount_nano_usd for hold in self.open.values() if hold.key_id == key_id]
        credit = self.credit[key_id]
        has_credit = kind is KeyType.BYOK or (credit > 0 and credit - sum(mine) >= amount)
        counted = self.window["bgt_hard"] - self.forgiven["bgt_hard"]
        has_budget = counted < 150 and counted + held + amount <= 150
        if not has_credit:
            with pytest.raises(InsufficientCredits):
                self.reserve.hold(call, budgets, amount)
            return
        if not has_budget:
            with pytest.raises(LimitReached, match="budget of model 'm'"):
                self.reserve.hold(call, budgets, amount)
            return
        hold = self.reserve.hold(call, budgets, amount)
        with self.books.change() as tx:
            ledger.hold(tx, hold, OPEN_CALL)
        self.open[hold.request_id] = hold

    @rule(data=st.data(), cost=AMOUNTS, is_more=st.booleans())
    def settle(self, data: st.DataObject, cost: int, is_more: bool) -> None:
        if not self.open:
            return
        hold = self.open.pop(data.draw(st.sampled_from(sorted(self.open))))
        cost = cost if is_more else min(cost, hold.amount_nano_usd)
        self.reserve.owe(hold, cost)
        with self.books.change() as tx:
            assert ledger.settle(tx, make_record(hold, cost), hold)
        self.reserve.settle(hold, cost)
        (self.credit if hold.is_prepaid else self.spent)[hold.key_id] -= cost
        for window in hold.windows:
            self.window[window.budget_id] += cost

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if not self.open:
            return
        hold = self.open.pop(data.draw(st.sampled_from(sorted(self.open))))
        with self.books.change() as tx:
            ledger.release(tx, hold)
        self.reserve.settle(hold, 0)

    @rule(budget_id=st.sampled_from(["bgt_hard", "bgt_soft"]))
    def reset(self, budget_id: str) -> None:
        budget = self.reserve.budgets.get(budget_id)
        assert budget is not None
        window = window_at(budget, 1.0)
        with self.books.change() as tx:
            amount = budget_table.forgive(tx, window)
        self.reserve.forgive(window, amount)
        self.forgiven[budget_id] = self.window[budget_id]

    @rule()
    def crash(self) -> None:
        """All that was in memory is gone; what was open is settled for what it had held."""
        for hold in self.open.values():
            with self.books.change() as tx:
                ledger.settle(tx, make_record(hold, hold.amount_nano_usd), hold)
            (self.credit if hold.is_prepaid else self.spent)[hold.key_id] -= hold.amount_nano_usd
            for window in hold.windows:
                self.window[window.budget_id] += hold.amount_nano_usd
        self.open.clear()
        self.restart()

    def restart(self) -> None:
        rows = self.books.connection.execute("SELECT * FROM budget_windows").fetchall()
        self.reserve = Reserve()
        self.reserve.load(
            {key_id: NanoUsd(self.account(credit_account(key_id))[0]) for key_id in KEYS},
            [self.budget("bgt_hard", 150), self.budget("bgt_soft", 40)],
            {WindowRef(row[0], row[1]): WindowSums(*row[2:]) for row in rows},
        )

    def account(self, account: str) -> tuple[int, ...]:
        return self.books.numbers(BALANCE, id=account)

    @invariant()
    def memory_database_and_model_agree(self) -> None:
        for key_id in KEYS:
            posted, held, overrun = self.account(credit_account(key_id))
            mine = [hold for hold in self.open.values() if hold.key_id == key_id]
            wanted = sum(hold.amount_nano_usd for hold in mine if hold.is_prepaid)
            in_memory = self.reserve.credits(key_id)
            assert (posted, held) == (self.credit[key_id], wanted)
            assert (in_memory.posted, in_memory.held) == (posted, held)
            assert posted - held + overrun >= 0
            assert self.account(spend_account(key_id))[0] == self.spent[key_id]
        for budget_id, spent in self.window.items():
            budget = self.reserve.budgets.get(budget_id)
            assert budget is not None
            sums = self.reserve.sums(budget, 1.0)
            held = sum(hold.amount_nano_usd for hold in self.open.values())
            told = (sums.spent_nano_usd, sums.held_nano_usd, sums.forgiven_nano_usd)
            assert told == (spent, held, self.forgiven[budget_id])

    @invariant()
    def the_books_balance(self) -> None:
        assert self.books.numbers("SELECT SUM(posted_nano_usd) FROM accounts") == (0,)
        wrong = self.books.connection.execute(
            "SELECT id FROM accounts WHERE posted_nano_usd <> "
            "(SELECT COALESCE(SUM(CASE WHEN to_account = accounts.id THEN amount_nano_usd"
            " ELSE -amount_nano_usd END), 0) FROM postings"
            " WHERE accounts.id IN (from_account, to_account))"
        ).fetchall()
        assert wrong == []

    def teardown(self) -> None:
        self.books.connection.close()


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=100, stateful_step_count=120, deadline=None)
