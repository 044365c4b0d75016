"""The ledger alone: how many calls are booked per second, each durable before the next begins.

Run as a process: it holds and settles through the daemon's own entries and writer, with FULL, for
one prepaid key with a hard budget, 64 callers waiting; it prints the rows per second of the ledger.
"""

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path

import uvloop

from prismd.kernel.ids import new_id
from prismd.kernel.money import NanoUsd
from prismd.store import keys, ledger
from prismd.store.booking import HoldEntry, SettleEntry
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.budget import WindowRef
from prismd.wire.ledger import credit_account
from tests.builders import make_key
from tests.ledger_in_memory import OPEN_CALL, make_hold, make_record

WAITING = 64
SECONDS = 2.0
KEY = "bench"
PLENTY_NANO_USD = 10**15
HELD_NANO_USD, COST_NANO_USD = 50_000, 30_000
WINDOW = WindowRef("bgt_bench", 0)


def _fund(tx: Tx) -> None:
    keys.insert(tx, make_key(id=KEY))
    ledger.open_accounts(tx, KEY)
    ledger.grant(tx, KEY, NanoUsd(PLENTY_NANO_USD), at_s=1.0)


async def _call_on(stores: Stores, until_s: float) -> None:
    """Book one call after another."""
    account = credit_account(KEY)
    windows = {"windows": (WINDOW,), "limits": (PLENTY_NANO_USD,)}
    while time.monotonic() < until_s:
        hold = make_hold(new_id("req"), account, HELD_NANO_USD, **windows)
        stores.state.write_soon(HoldEntry(hold, OPEN_CALL))
        await stores.state.write(SettleEntry(make_record(hold, COST_NANO_USD), hold))


async def _postings(stores: Stores) -> int:
    row = await stores.state.row("SELECT count(*) AS n FROM postings", {})
    assert row is not None
    assert isinstance(row["n"], int)
    return row["n"]


async def rows_per_s(folder: Path, seconds: float = SECONDS) -> float:
    """Return the rows that were added to the ledger per second: one per call."""
    data_dir = DataDir(folder)
    data_dir.create()
    stores = await Stores.open(data_dir)
    try:
        await stores.state.write(_fund)
        before, began_s = await _postings(stores), time.monotonic()
        call_on = partial(_call_on, stores, began_s + seconds)
        await asyncio.gather(*(call_on() for _ in range(WAITING)))
        took_s = time.monotonic() - began_s
        return (await _postings(stores) - before) / took_s
    finally:
        await stores.aclose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(uvloop.run(rows_per_s(Path(scratch) / "data")))
