"""The ``requests`` table of the traffic database: decision traces. May be deleted at any time."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

import msgspec

from prismd.kernel import jsonio
from prismd.kernel.errors import Overloaded
from prismd.store.db import Database, Tx
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
"""How long a trace waits for others: nobody waits for it. A crash may lose as many."""
MAX_TOGETHER = 256
"""Traces in one write."""

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


class TraceLog:
    """Traces on their way to the database: many in one write. Used from one event loop."""

    def __init__(self, db: Database) -> None:
        """Write to the traffic database."""
        self._db = db
        self._waiting: list[Callable[[], StoredTrace]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, make: Callable[[], StoredTrace]) -> None:
        """Take how to make the trace of a call; it is made when it is written."""
        self._waiting.append(make)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self.flush)
        elif len(self._waiting) >= MAX_TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Queue what waits. Traces that the database does not take are dropped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return

        def write(tx: Tx) -> None:
            _insert_all(tx, [make() for make in waiting])

        try:
            self._db.write_soon(write)
        except Overloaded as error:
            log.warning("%d traces are dropped: %s", len(waiting), error)

    async def get(self, request_id: str) -> StoredTrace | None:
        """Return the trace of a call, also of one that has ended this moment."""
        self.flush()
        with contextlib.suppress(Overloaded):  # then what is written can still be read
            await self._db.write(_after_all)
        row = await self._db.row("SELECT body FROM requests WHERE id = :id", {"id": request_id})
        return None if row is None else _decode(str(row["body"]))


def prune(tx: Tx, before_s: float) -> int:
    """Delete the traces of calls that ended before an epoch time; return how many."""
    return tx.execute("DELETE FROM requests WHERE ts_ms < :ms", {"ms": int(before_s * 1000)})


def _after_all(_: Tx) -> None:
    """Do nothing, after everything that was queued before."""
