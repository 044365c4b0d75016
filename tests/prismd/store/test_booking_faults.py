"""Faults of ours at random around holds and settlements: all are told, and no money stays held."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from prismd.kernel.money import NanoUsd
from prismd.store import keys, ledger
from prismd.store.booking import HoldEntry, SettleEntry
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.ledger import credit_account
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, make_hold, make_record

CALLS = 120
CREDITS = 100
ACCOUNT = credit_account("a")
FAULTS = (LookupError, StopIteration, AssertionError)


class Faults:
    """Fails now and then, and notes what was told to whom all the same."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.refused: list[SettleEntry] = []
        self.ended: list[str] = []

    def _maybe(self) -> None:
        if self._random.random() < 0.3:
            raise self._random.choice(FAULTS)

    def ended_with(self, entry: SettleEntry, error: Exception | None) -> None:
        if error is None:
            self.ended.append(entry.name)
        else:
            self.refused.append(entry)
        self._maybe()

    def hold_failed(self, *_: object) -> None:
        self._maybe()

    def keep(self) -> Callable[[Tx], None] | None:
        """Return work of a settlement's transaction that fails always, or none."""
        if self._random.random() < 0.7:
            return None
        fault = self._random.choice(FAULTS)

        def fails(_: Tx) -> None:
            raise fault

        return fails


async def _all_told(written: list[Awaitable[object]]) -> None:
    futures = [asyncio.ensure_future(one) for one in written]
    _, waiting = await asyncio.wait(futures, timeout=20)
    assert not waiting


@pytest.mark.parametrize("seed", range(6))
async def test_all_are_told_and_all_money_is_given_back(stores: Stores, seed: int) -> None:
    def begin(tx: Tx) -> None:
        keys.insert(tx, make_key(id="a"))
        ledger.open_accounts(tx, "a")
        ledger.grant(tx, "a", NanoUsd(CREDITS), at_s=1.0)

    write = stores.state.write
    await write(begin)
    random = Random(seed)
    faults, written, cost = Faults(random), list[Awaitable[object]](), 0
    for number in range(CALLS):
        hold = make_hold(f"r{number}", ACCOUNT, random.choice([0, 1, 5, 70, 200]))
        written.append(write(HoldEntry(hold, OPEN_CALL, faults.hold_failed)))
        for _ in range(random.choice([0, 0, 1, 3])):
            await asyncio.sleep(0)
        if random.random() < 0.2:
            written.append(write(lambda _: next(iter(()))))
        spent = random.choice([0, 1, 3])
        cost += spent
        settlement = SettleEntry(make_record(hold, spent), hold, faults.ended_with)
        settlement.keep = faults.keep()
        written.append(write(settlement))
    await _all_told(written)
    assert 0 < len(faults.refused) < CALLS
    again, faults.refused = faults.refused, []
    for settlement in again:
        settlement.keep = None
    await _all_told([write(settlement) for settlement in again])
    assert faults.refused == []
    assert sorted(faults.ended) == sorted(f"r{number}" for number in range(CALLS))
    assert await stores.state.rows("SELECT * FROM holds", {}) == []
    (row,) = await stores.state.rows("SELECT * FROM accounts WHERE id = :id", {"id": ACCOUNT})
    assert (row["posted_nano_usd"], row["held_nano_usd"]) == (CREDITS - cost, 0)
