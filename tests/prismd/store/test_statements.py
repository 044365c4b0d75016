"""Pages of the ledger: complete, in order, and each row once."""

from prismd.kernel.money import NanoUsd
from prismd.store import keys, ledger, statements
from prismd.store.db import Tx
from prismd.store.statements import PostingRow
from prismd.store.stores import Stores
from prismd.wire.ledger import GRANTS, USAGE, credit_account
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, make_hold, make_record

CREDIT = credit_account("k")


async def fill(stores: Stores) -> None:
    def write(tx: Tx) -> None:
        for number, key_id in enumerate(("k", "other")):
            keys.insert(tx, make_key(id=key_id, digest=bytes([number]) * 32))
            ledger.open_accounts(tx, key_id)
        for number in range(10):
            ledger.grant(tx, "k", NanoUsd(100), at_s=number, note=f"n{number}")
            ledger.grant(tx, "other", NanoUsd(7), at_s=number)
            hold = make_hold(f"r{number}", CREDIT, 5)
            ledger.hold(tx, hold, OPEN_CALL)
            if number < 7:
                ledger.settle(tx, make_record(hold, 3), hold)

    await stores.state.write(write)


async def all_pages(stores: Stores, account: str | None, size: int) -> list[PostingRow]:
    found: list[PostingRow] = []
    before: int | None = None
    while True:
        page = await statements.postings(stores.state, limit=size, before=before, account=account)
        if not page:
            return found
        found += page
        before = page[-1].id


async def test_pages_of_postings_are_complete_and_newest_first(stores: Stores) -> None:
    await fill(stores)
    whole = await all_pages(stores, None, 100)
    assert [row.id for row in whole] == sorted((row.id for row in whole), reverse=True)
    assert len(whole) == 27
    for account in (CREDIT, GRANTS, USAGE):
        wanted = [row for row in whole if account in (row.from_account, row.to_account)]
        assert wanted
        for size in (1, 4, 100):
            assert await all_pages(stores, account, size) == wanted


async def test_postings_are_chosen_by_kind_time_and_call(stores: Stores) -> None:
    await fill(stores)
    (charge,) = await statements.postings(stores.state, limit=9, request_id="r3")
    assert (charge.kind, charge.amount_nano_usd, charge.to_account) == ("charge", 3, USAGE)
    late = await statements.postings(stores.state, limit=99, since_s=8, kind="grant")
    assert [row.ts_ms for row in late] == [9_000, 9_000, 8_000, 8_000]


async def test_grants_are_what_was_paid_in(stores: Stores) -> None:
    await fill(stores)
    first = await statements.grants(stores.state, CREDIT, limit=3)
    assert [row.note for row in first] == ["n9", "n8", "n7"]
    rest = await statements.grants(stores.state, CREDIT, limit=99, before=first[-1].id)
    assert [row.note for row in rest] == [f"n{number}" for number in range(6, -1, -1)]


async def test_accounts_and_holds_come_page_by_page(stores: Stores) -> None:
    await fill(stores)
    held = await statements.holds(stores.state, limit=2)
    assert [hold.request_id for hold in held] == ["r7", "r8"]
    (last,) = await statements.holds(stores.state, limit=2, after="r8")
    assert (last.request_id, last.key_id, last.amount_nano_usd) == ("r9", "k", 5)
    accounts = await statements.accounts(stores.state, limit=99)
    assert [row.id for row in accounts] == sorted(row.id for row in accounts)
    assert sum(row.posted_nano_usd for row in accounts) == 0
    (mine,) = await statements.accounts(stores.state, limit=9, key_id="k", kind="credit")
    assert (mine.posted_nano_usd, mine.held_nano_usd) == (979, 15)
