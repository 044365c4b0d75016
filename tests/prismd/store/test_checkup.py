"""A few cheap reads see what does not add up; see test_checks.py for what is said of it."""

from prismd.kernel.money import NanoUsd
from prismd.store import checkup, ledger
from prismd.store import keys as key_table
from prismd.store.db import Tx
from prismd.store.stores import Stores
from tests.builders import make_key


async def test_books_that_add_up_and_books_that_do_not(stores: Stores) -> None:
    state = stores.state
    assert (await checkup.sums(state)).agree
    assert await checkup.newest_row_s(state) == 0

    def write(tx: Tx) -> None:
        key_table.insert(tx, make_key())
        ledger.open_accounts(tx, "key_1")
        ledger.grant(tx, "key_1", NanoUsd(5), at_s=1_000)

    await state.write(write)
    assert (await checkup.sums(state)).agree
    assert await checkup.newest_row_s(state) == 1_000

    def spoil(tx: Tx) -> None:
        tx.execute("UPDATE accounts SET held_nano_usd = 3 WHERE kind = :kind", {"kind": "credit"})

    await state.write(spoil)
    sums = await checkup.sums(state)
    assert (sums.agree, sums) == (False, (0, 3, 0))


async def test_nothing_is_overdue_where_nothing_is_held(stores: Stores) -> None:
    assert await checkup.overdue_holds(stores.state, 2e9) == []
