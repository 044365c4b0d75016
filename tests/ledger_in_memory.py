"""A ledger on a real SQLite database in memory: what a write closure sees, without the daemon."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from prismd.store import keys, ledger
from prismd.store.migrate import _apply, shipped
from prismd.store.writer import SqliteTx
from prismd.wire.common import Usage
from prismd.wire.ledger import Hold
from prismd.wire.usage import CallRecord, OpenCall
from tests.builders import make_key

OPEN_CALL = OpenCall(
    owner=None,
    org_id=None,
    op="chat",
    model="m",
    provider="p",
    upstream_model="m",
    is_stream=False,
    input_tokens=1,
    price=None,
)


class Books:
    """One database. `change` is a transaction that is undone when it fails."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for migration in shipped("state"):
            _apply(self.connection, migration)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def change(self) -> Iterator[SqliteTx]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield SqliteTx(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def make_key(self, key_id: str, number: int = 1) -> None:
        with self.change() as tx:
            keys.insert(tx, make_key(id=key_id, digest=number.to_bytes(32, "big")))
            ledger.open_accounts(tx, key_id)

    def numbers(self, sql: str, **params: str | int) -> tuple[int, ...]:
        row = self.connection.execute(sql, params).fetchone()
        return () if row is None else tuple(row)


def make_hold(request_id: str, account: str, amount: int, **more: object) -> Hold:
    key_id = account.split(":")[1]
    fields = {"windows": (), "limits": (), "created_at_s": 1.0, "expires_at_s": 9.0, **more}
    return Hold(
        request_id=request_id,
        key_id=key_id,
        account=account,
        amount_nano_usd=amount,
        **fields,  # type: ignore[arg-type]
    )


def make_record(hold: Hold, cost: int | None) -> CallRecord:
    return CallRecord(
        request_id=hold.request_id,
        ts_s=2.0,
        key_id=hold.key_id,
        owner=None,
        org_id=None,
        op="chat",
        model="m",
        provider="p",
        upstream_model="m",
        status=200,
        error_code=None,
        is_stream=False,
        is_complete=True,
        usage=Usage(1, 1),
        cost_nano_usd=cost,
        cost_pico_usd=None if cost is None else cost * 1000,
        price_source="config",
        account=hold.account,
        windows=hold.windows,
        latency_ms=1.0,
        first_byte_ms=None,
        attempts=1,
    )
