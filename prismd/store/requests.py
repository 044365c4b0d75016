"""The ``requests`` table of the traffic database: decision traces. May be deleted at any time."""

import msgspec

from prismd.kernel import jsonio
from prismd.store.db import Database, Tx
from prismd.wire.usage import CallRecord


class StoredTrace(msgspec.Struct):
    """A call and how it was decided."""

    call: CallRecord
    stages: list[dict[str, object]]
    attempts: list[dict[str, object]]


_decode = msgspec.json.Decoder(StoredTrace).decode


def insert(tx: Tx, trace: StoredTrace) -> None:
    """Add the trace of a call."""
    tx.execute(
        "INSERT INTO requests (id, ts_ms, body) VALUES (:id, :ts_ms, :body)"
        " ON CONFLICT (id) DO NOTHING",
        {
            "id": trace.call.request_id,
            "ts_ms": int(trace.call.ts_s * 1000),
            "body": jsonio.encode(trace).decode(),
        },
    )


async def get(db: Database, request_id: str) -> StoredTrace | None:
    """Return the trace of a call."""
    row = await db.row("SELECT body FROM requests WHERE id = :id", {"id": request_id})
    return None if row is None else _decode(str(row["body"]))


def prune(tx: Tx, before_s: float) -> int:
    """Delete the traces of calls that ended before an epoch time; return how many."""
    return tx.execute("DELETE FROM requests WHERE ts_ms < :ms", {"ms": int(before_s * 1000)})
