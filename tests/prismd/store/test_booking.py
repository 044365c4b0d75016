"""What is booked together is what would have been booked one by one; and what lingers, and why."""

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prismd.kernel.money import NanoUsd
from prismd.store import budgets as budget_table
from prismd.store import keys, ledger
from prismd.store.booking import HoldEntry, SettleEntry
from prismd.store.db import Tx
from prismd.store.faults import StorageFull
from prismd.store.stores import Stores
from prismd.store.work import Entry
from prismd.wire.budget import WindowRef
from prismd.wire.ledger import Hold, credit_account, spend_account
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, Books, make_hold, make_record

HARD, SOFT = WindowRef("bgt_hard", 0), WindowRef("bgt_soft", 0)
ACCOUNTS = (credit_account("a"), credit_account("b"), spend_account("a"))
TABLES = (
    "SELECT * FROM accounts ORDER BY id",
    "SELECT * FROM holds ORDER BY request_id",
    "SELECT * FROM usage ORDER BY request_id",
    "SELECT * FROM budget_windows ORDER BY budget_id",
    "SELECT kind, from_account, to_account, amount_nano_usd, request_id FROM postings ORDER BY id",
)
NUMBERS = count()
STREAM = replace(OPEN_CALL, is_stream=True)


def open_books() -> Books:
    books = Books()
    for number, key_id in enumerate(("a", "b")):
        books.make_key(key_id, number)
        with books.change() as tx:
            ledger.grant(tx, key_id, NanoUsd(100), at_s=1.0)
    return books


def alone(tx: Tx, books: Books, entries: Sequence[Entry]) -> list[type[Exception] | None]:
    """Do entries one by one; return what each was refused for."""
    told: list[type[Exception] | None] = []
    for part in (part for entry in entries for part in entry.parts()):
        books.connection.execute("SAVEPOINT one")
        try:
            part.run(tx)
        except (ledger.LedgerMismatch, sqlite3.IntegrityError) as error:
            books.connection.execute("ROLLBACK TO one")
            told.append(type(error))
        else:
            told.append(None)
        books.connection.execute("RELEASE one")
    return told


def together(tx: Tx, entries: Sequence[Entry]) -> bool:
    """Do entries as one; False when they have to be done one by one."""
    try:
        entries[0].together(tx, entries)
    except (ledger.LedgerMismatch, sqlite3.IntegrityError):
        return False
    return True


def content(books: Books) -> list[list[tuple[object, ...]]]:
    return [[tuple(row) for row in books.connection.execute(sql)] for sql in TABLES]


HOLDS = st.builds(
    lambda number, account, amount, limit: make_hold(
        f"r{number}", account, amount, windows=(HARD, SOFT), limits=(limit, None)
    ),
    st.integers(0, 7),
    st.sampled_from(ACCOUNTS),
    st.integers(0, 60),
    st.sampled_from([90, 150]),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "settle", "settle", "release", "both"]),
        st.integers(0, 7),
        st.integers(0, 80),
    ),
    min_size=2,
    max_size=14,
)


def entries_of(holds: dict[str, Hold], steps: list[tuple[str, int, int]]) -> list[Entry]:
    made: list[Entry] = []
    for kind, number, cost in steps:
        if (hold := holds.get(f"r{number}")) is None:
            continue
        if kind == "hold":
            made.append(HoldEntry(hold, OPEN_CALL))
        elif kind == "both":  # of a call that the writer has not heard of
            hold = replace(hold, request_id=f"both{next(NUMBERS)}")
            settlement = SettleEntry(make_record(hold, cost), hold)
            assert settlement.take_along(HoldEntry(hold, OPEN_CALL))
            made.append(settlement)
        else:
            record = make_record(hold, cost if kind == "settle" else 0)
            is_release = kind == "release"
            made.append(SettleEntry(replace(record, provider=None) if is_release else record, hold))
    return made


@settings(max_examples=150, deadline=None)
@given(
    holds=st.lists(HOLDS, min_size=1, max_size=8),
    first=STEPS,
    then=STEPS,
    forgives=st.booleans(),
)
def test_a_commit_books_what_its_entries_would_book_one_by_one(
    holds: list[Hold],
    first: list[tuple[str, int, int]],
    then: list[tuple[str, int, int]],
    *,
    forgives: bool,
) -> None:
    """In any order: twice the same, settled before held, above a limit, overrun."""
    by_id = {hold.request_id: hold for hold in holds}
    wanted, found = open_books(), open_books()
    for steps in (first, then):
        entries = entries_of(by_id, steps)
        if not entries:
            continue
        with wanted.change() as tx:
            refused = alone(tx, wanted, entries)
        with found.change() as tx:
            found.connection.execute("SAVEPOINT all_of_them")
            if together(tx, entries):
                assert not any(refused), "nobody may be let through who was refused"
            else:
                found.connection.execute("ROLLBACK TO all_of_them")
                alone(tx, found, entries)
        if forgives:
            for books in (wanted, found):
                with books.change() as tx:
                    budget_table.forgive(tx, HARD)
        assert content(found) == content(wanted)
    wanted.connection.close()
    found.connection.close()


def test_a_call_that_is_held_and_ended_twice_is_booked_one_by_one() -> None:
    books, hold = open_books(), make_hold("r0", ACCOUNTS[0], 20)
    with books.change() as tx:
        assert together(tx, [HoldEntry(hold, OPEN_CALL)])
    ended = make_record(hold, 0)
    again = [
        HoldEntry(hold, OPEN_CALL),
        SettleEntry(ended, hold),
        SettleEntry(replace(ended, provider=None), hold),
    ]
    with books.change() as tx:
        assert not together(tx, again)
    books.connection.close()


def test_what_has_room_is_booked_together() -> None:
    books = open_books()
    hold = [make_hold(f"r{n}", ACCOUNTS[0], 20, windows=(HARD,), limits=(90,)) for n in range(4)]
    with books.change() as tx:
        assert together(tx, [HoldEntry(hold[0], OPEN_CALL), HoldEntry(hold[1], OPEN_CALL)])
    entries = [
        HoldEntry(hold[2], OPEN_CALL),
        SettleEntry(make_record(hold[0], 7), hold[0]),
        SettleEntry(make_record(hold[2], 5), hold[2]),
        HoldEntry(hold[3], OPEN_CALL),
    ]
    with books.change() as tx:
        assert together(tx, entries)
    balance = "SELECT posted_nano_usd, held_nano_usd FROM accounts WHERE id = :id"
    assert books.numbers(balance, id=ACCOUNTS[0]) == (88, 40)
    assert [tuple(row) for row in books.connection.execute("SELECT request_id FROM holds")] == [
        ("r1",),
        ("r3",),
    ]
    books.connection.close()


async def _open(stores: Stores) -> None:
    def write(tx: Tx) -> None:
        keys.insert(tx, make_key(id="a"))
        ledger.open_accounts(tx, "a")
        ledger.grant(tx, "a", NanoUsd(100), at_s=1.0)

    await stores.state.write(write)


def _count(tx: Tx) -> int:
    row = tx.row("SELECT COUNT(*) AS n FROM holds", {})
    return 0 if row is None else int(row["n"] or 0)


async def test_a_hold_waits_for_its_call_to_end_but_not_for_long(stores: Stores) -> None:
    await _open(stores)
    hold = make_hold("r", ACCOUNTS[0], 60)
    await stores.state.write(HoldEntry(hold, OPEN_CALL))
    assert await stores.state.write(_count) == 1, "nothing followed: its time called it in"


async def test_a_closure_sees_what_lingers(stores: Stores) -> None:
    await _open(stores)
    held = stores.state.write(HoldEntry(make_hold("r", ACCOUNTS[0], 60), OPEN_CALL))
    assert await stores.state.write(_count) == 1
    assert held.done()


async def test_a_settlement_takes_its_own_hold_along_and_no_other(stores: Stores) -> None:
    await _open(stores)
    hold, other = make_hold("r", ACCOUNTS[0], 60), make_hold("other", ACCOUNTS[0], 40)
    lingering = stores.state.write(HoldEntry(other, OPEN_CALL))
    held = stores.state.write(HoldEntry(hold, OPEN_CALL))
    await stores.state.write(SettleEntry(make_record(hold, 60), hold))
    assert held.done()
    assert not lingering.done()
    await lingering


async def test_a_hold_that_is_refused_does_not_take_its_settlement_with_it(stores: Stores) -> None:
    """The call was made: what it cost is owed, though the books did not have what it held."""
    await _open(stores)
    hold = make_hold("r", ACCOUNTS[0], 101)
    held = stores.state.write(HoldEntry(hold, OPEN_CALL))
    await stores.state.write(SettleEntry(make_record(hold, 30), hold))
    assert isinstance(await _error(held), ledger.LedgerMismatch)
    rows = await stores.state.rows("SELECT * FROM accounts WHERE id = :id", {"id": ACCOUNTS[0]})
    assert [(row["posted_nano_usd"], row["overrun_nano_usd"]) for row in rows] == [(70, 30)]


async def test_a_settlement_above_its_hold_does_not_overtake(stores: Stores) -> None:
    """It takes what a hold that was admitted before it was promised."""
    await _open(stores)
    first, second = make_hold("r", ACCOUNTS[0], 40), make_hold("r2", ACCOUNTS[0], 60)
    writes = [stores.state.write(HoldEntry(hold, OPEN_CALL)) for hold in (first, second)]
    await stores.state.write(SettleEntry(make_record(first, 90), first))
    for written in writes:
        await written


async def test_the_hold_of_a_stream_is_written_at_once(stores: Stores) -> None:
    await _open(stores)
    lingering = stores.state.write(HoldEntry(make_hold("r", ACCOUNTS[0], 10), OPEN_CALL))
    await stores.state.write(HoldEntry(make_hold("s", ACCOUNTS[0], 10), STREAM))
    assert not lingering.done()
    await lingering


async def test_what_lingers_at_the_end_is_written(stores: Stores) -> None:
    await _open(stores)
    held = stores.state.write(HoldEntry(make_hold("r", ACCOUNTS[0], 10), OPEN_CALL))
    await stores.state.aclose()
    await held


async def test_each_waiter_hears_of_its_own_entry(stores: Stores) -> None:
    await _open(stores)
    write = partial(stores.state.write)
    told = [
        write(HoldEntry(make_hold(f"r{n}", ACCOUNTS[0], amount), STREAM))
        for n, amount in enumerate((50, 80, 50, 1))
    ]
    errors = [error for one in told for error in [await _error(one)]]
    assert [type(error) for error in errors] == [
        type(None),
        ledger.LedgerMismatch,
        type(None),
        ledger.LedgerMismatch,
    ]


async def _error(written: object) -> BaseException | None:
    try:
        await written  # type: ignore[misc]
    except ledger.LedgerMismatch as error:
        return error
    return None


@pytest.mark.parametrize("amount", [60, 30])
async def test_a_settlement_that_is_refused_by_itself_finds_its_hold_when_it_is_tried_again(
    stores: Stores, amount: int
) -> None:
    """Whether there is the money to hold it once more, or not."""
    await _open(stores)

    def fails(_: Tx) -> None:
        raise LookupError

    faults: list[Exception] = []
    hold = make_hold("r", ACCOUNTS[0], amount)
    held = stores.state.write(HoldEntry(hold, OPEN_CALL, lambda _, fault: faults.append(fault)))
    settlement = SettleEntry(make_record(hold, 20), hold)
    settlement.keep = fails
    with pytest.raises(LookupError):
        await stores.state.write(settlement)
    await held
    assert await stores.state.write(_count) == 1
    settlement.keep = None
    await stores.state.write(settlement)
    assert await stores.state.write(_count) == 0
    rows = await stores.state.rows("SELECT * FROM accounts WHERE id = :id", {"id": ACCOUNTS[0]})
    assert [(row["posted_nano_usd"], row["held_nano_usd"]) for row in rows] == [(80, 0)]
    assert faults == []


async def test_a_hold_and_its_settlement_that_are_refused_together_are_tried_again_together(
    stores: Stores,
) -> None:
    await _open(stores)
    await stores.state.write(lambda tx: tx.row("PRAGMA max_page_count = 1", {}))
    hold = make_hold("r", ACCOUNTS[0], 60)
    held = stores.state.write(HoldEntry(hold, OPEN_CALL))
    settlement = SettleEntry(make_record(hold, 20), hold)

    def grow(tx: Tx) -> None:
        tx.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER) STRICT", {})

    settlement.keep = grow
    for one in (stores.state.write(settlement), held):
        with pytest.raises(StorageFull):
            await one
    assert await stores.state.write(_count) == 0
    await stores.state.write(lambda tx: tx.row("PRAGMA max_page_count = 100000", {}))
    await stores.state.write(settlement)
    assert await stores.state.write(_count) == 0
    rows = await stores.state.rows("SELECT * FROM accounts WHERE id = :id", {"id": ACCOUNTS[0]})
    assert [(row["posted_nano_usd"], row["held_nano_usd"]) for row in rows] == [(80, 0)]


async def test_what_follows_one_write_keeps_no_other_from_its_end(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    await _open(stores)

    def fails(_: object, __: Exception | None) -> None:
        msg = "a fault of ours"
        raise RuntimeError(msg)

    holds = [make_hold(f"r{n}", ACCOUNTS[0], 10) for n in range(3)]
    too_much = HoldEntry(make_hold("x", ACCOUNTS[0], 900), STREAM, fails)
    written = [
        stores.state.write(too_much),
        *(stores.state.write(SettleEntry(make_record(hold, 5), hold, fails)) for hold in holds),
        stores.state.write(lambda _: None),
    ]
    # Not with a time-out around each: a write cannot be cancelled.
    done, waiting = await asyncio.wait(written, timeout=5)
    assert not waiting
    assert [type(one.exception()) for one in done if one.exception()] == [ledger.LedgerMismatch]
    assert caplog.text.count("a fault of ours") == 4
