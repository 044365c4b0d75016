"""The ``requests`` table of the traffic database: decision traces. May be deleted at any time."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from prismd.kernel import jsonio
from prismd.kernel.errors import Overloaded
from prismd.store.db import Database, Entry, Tx
from prismd.wire.usage import CallRecord


class StoredTrace(msgspec.Struct):
    """A call and how it was decided."""

    call: CallRecord
    stages: list[dict[str, object]]
    attempts: list[dict[str, object]]


_INSERT = """
INSERT INTO requests (id, ts_ms, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING
"""

LINGER_S = 0.25
"""Nobody waits for a trace: who asks for one calls it in. A crash may lose as many."""

log = logging.getLogger("prism.store")

_decode = msgspec.json.Decoder(StoredTrace).decode


def insert(tx: Tx, trace: StoredTrace) -> None:
    """Add the trace of a call."""
    _insert_all(tx, [trace])


def _insert_all(tx: Tx, traces: Iterable[StoredTrace]) -> None:
    rows = [
        (trace.call.request_id, int(trace.call.ts_s * 1000), jsonio.encode(trace).decode())
        for trace in traces
    ]
    tx.execute_many(_INSERT, rows)


class TraceEntry(Entry):
    """Adds the trace of a call, some time later with many others."""

    __slots__ = ("_make",)

    def __init__(self, request_id: str, make: Callable[[], StoredTrace]) -> None:
        """Take how to make a trace; it is made when it is written."""
        super().__init__(request_id, linger_s=LINGER_S)
        self._make = make

    def __call__(self, tx: Tx) -> None:
        """Add it."""
        insert(tx, self._make())

    def told(self, error: Exception | None) -> None:
        """Note a trace that is lost: nobody waits for it."""
        if error is not None:
            log.warning("the trace of %s is lost: %s", self.name, error)

    @staticmethod
    def together(tx: Tx, entries: Sequence[Entry]) -> None:
        """Add several."""
        _insert_all(tx, [entry._make() for entry in entries if isinstance(entry, TraceEntry)])


async def get(db: Database, request_id: str) -> StoredTrace | None:
    """Return the trace of a call, also of one that has ended this moment."""
    with contextlib.suppress(Overloaded):  # then what is written can still be read
        await db.write(_call_in)
    row = await db.row("SELECT body FROM requests WHERE id = :id", {"id": request_id})
    return None if row is None else _decode(str(row["body"]))


def prune(tx: Tx, before_s: float) -> int:
    """Delete the traces of calls that ended before an epoch time; return how many."""
    return tx.execute("DELETE FROM requests WHERE ts_ms < :ms", {"ms": int(before_s * 1000)})


def _call_in(_: Tx) -> None:
    """Do nothing, after everything that was written before."""
