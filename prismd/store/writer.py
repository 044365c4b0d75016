"""The one writer of a SQLite file: a thread that takes whole units of work and commits in groups.

Whatever waits when the thread is free shares one transaction (no timer: a lone write does not
wait; but the event loop goes first on a busy core, so that more comes together). Of the work,
closures have a savepoint each, so one that fails takes nobody with it; entries that follow each
other are written together in one, and one by one if that fails. An entry that lingers waits in the
event loop until what follows it, or its time, calls it in. Results are told after the COMMIT.

When the disk is full, the ballast is given up and the group is written again in its space; until
the ballast can be taken back, ``is_full`` asks callers to begin nothing new.

Invariant: only this thread writes or checkpoints. After an I/O error it never touches the file
again, because a failed fsync says nothing about what is on the disk (reliability-security §3.1).
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread, get_native_id
from typing import TypeVar, cast

from prismd.kernel import clock
from prismd.kernel.errors import Overloaded
from prismd.store.ballast import LOOK_S, Ballast
from prismd.store.db import Params, Row, Tx, Values
from prismd.store.faults import (
    StorageFailed,
    StorageFull,
    StorageLocked,
    means_broken,
    means_full,
    means_locked,
)
from prismd.store.lingering import Lingering
from prismd.store.work import Closure, Entry, Unit, Written

MAX_BATCH = 256
"""Units of work in one transaction."""
MAX_WAITING = 5_000
"""Units of work in the queue; one more is refused."""
CHECKPOINT_CHANGES = 4_000
"""Changed rows after which the log is copied into the database. What is to be committed meanwhile
waits: five times as rarely, it waits so much longer that more calls are late."""
CHECKPOINT_S = 5.0
"""How long a commit waits for that at most; what ``relaxed`` durability may lose."""
IDLE_S = 1.0
"""Pause after which it is copied anyway."""

log = logging.getLogger("prism.store")
T = TypeVar("T")


class SqliteTx:
    """``Tx`` on a SQLite connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params) -> int:
        """Run one statement and return how many rows it changed."""
        return self._connection.execute(sql, params).rowcount

    def execute_many(self, sql: str, rows: Sequence[Values]) -> int:
        """Run one statement per row of values; return how many rows were changed in all."""
        return self._connection.executemany(sql, rows).rowcount if rows else 0

    def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query."""
        found = self._connection.execute(sql, params).fetchall()
        return dict(found[0]) if found else None


_Together = Callable[[Tx, Sequence[Entry]], None]


def _together(unit: Unit) -> _Together | None:
    """Return what units must share to be written together."""
    return unit.together if isinstance(unit, Entry) else None


class Writer:
    """Owns a connection and its thread. Methods are called from the event loop that made it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        name: str,
        ballast: Ballast | None = None,
        gives_way_to: Ballast | None = None,
    ) -> None:
        """Take over a connection in autocommit mode that any thread may use.

        ``ballast`` is space that this writer may use up when the disk is full, ``gives_way_to``
        space that it must leave to another.
        """
        self._name = name
        self._ballast = ballast
        self._gives_way_to = gives_way_to
        self._connection = connection
        self._tx = SqliteTx(connection)
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._lingering = Lingering(self._queue.put, most=MAX_BATCH)
        self._is_taking = True
        self._is_closed = False
        self._is_untouched = False
        """Whether nothing has been done yet in the transaction that is open."""
        self._failure: str | None = None
        self._copied_changes = connection.total_changes
        self._is_log_copied = True
        self._uncopied_since_s = 0.0
        self.last_commit_s = 0.0
        """How long the last transaction took."""
        # A daemon thread: a process that ends without closing must not hang; SQLite recovers.
        self._thread = Thread(target=self._run, name=f"prism-write-{name}", daemon=True)
        self._thread.start()

    @property
    def is_healthy(self) -> bool:
        """Say whether writes are still taken."""
        return self._failure is None

    @property
    def waiting(self) -> int:
        """How many units of work wait."""
        return self._queue.qsize() + len(self._lingering)

    @property
    def is_full(self) -> bool:
        """Say whether the disk is: there may be room to end what runs, but none to begin."""
        return self._ballast is not None and self._ballast.is_given_up

    def submit(self, work: Callable[[Tx], T]) -> asyncio.Future[T]:
        """Queue a unit of work; the future is done when it is durable or undone.

        Raises:
            Overloaded: the queue is full, closed, or the storage has failed.
        """
        unit = self._admit(work)
        future: Written[T] = Written(loop=self._loop)
        unit.waiter = cast("Written[object]", future)
        self._enqueue(unit)
        return future

    def submit_unawaited(self, work: Callable[[Tx], object]) -> None:
        """Queue a unit of work that nobody waits for.

        Raises:
            Overloaded: the queue is full, closed, or the storage has failed.
        """
        self._enqueue(self._admit(work))

    async def aclose(self) -> None:
        """Finish what is queued, empty the log into the database, close the connection."""
        self._is_taking = False
        if not self._is_closed:
            self._is_closed = True
            self._lingering.call_in()
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _admit(self, work: Callable[[Tx], object]) -> Unit:
        way = self._gives_way_to
        if (
            not self._is_taking
            or self._queue.qsize() >= MAX_WAITING
            or (way is not None and way.is_given_up)
        ):
            raise self._refusal()
        return work if isinstance(work, Entry) else Closure(work)

    def _refusal(self) -> Overloaded:
        if self._failure is not None:
            return StorageFailed(self._name, self._failure)
        if self._gives_way_to is not None and self._gives_way_to.is_given_up:
            return StorageFull(self._name)
        if not self._is_taking:
            return Overloaded("The gateway is stopping. Try again in a moment.")
        msg = f"More than {MAX_WAITING} writes are waiting for the disk. Try again in a moment."
        return Overloaded(msg, retry_after_s=1)

    def _enqueue(self, unit: Unit) -> None:
        if not isinstance(unit, Entry):
            self._lingering.call_in()
        elif unit.lingers:
            self._lingering.add(unit)
            return
        else:
            self._lingering.call_in_for(unit)
        self._queue.put(unit)

    def _run(self) -> None:
        _let_others_go_first()
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                began_s = clock.monotonic_s()
                self._commit(batch)
                self.last_commit_s = clock.monotonic_s() - began_s
                self._tell(batch)
            if self._failure is None and self._is_copy_due(is_idle=not batch):
                self._guarded(self._copy_log)
            if self._ballast is not None and self._ballast.is_given_up:
                self._ballast.take()
        if self._failure is None:
            self._guarded(self._empty_log)
            self._connection.close()

    def _take(self) -> tuple[list[Unit], bool]:
        """Wait for work; return what is there, and whether more may come."""
        batch: list[Unit] = []
        try:
            is_done = self._is_log_copied and not self.is_full
            unit = self._queue.get(timeout=None if is_done else min(IDLE_S, LOOK_S))
            while unit is not None:
                batch.append(unit)
                if len(batch) == MAX_BATCH:
                    return batch, True
                unit = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _commit(self, batch: list[Unit]) -> None:
        error = self._try_commit(batch)
        if isinstance(error, StorageFull) and self._ballast is not None:
            self._ballast.give_up()
            self._guarded(self._copy_log)  # then the log can begin anew in the space it has
            error = self._try_commit(batch)
        if error is not None:
            for unit in batch:
                unit.end(error)

    def _try_commit(self, batch: list[Unit]) -> Overloaded | None:
        """Write a batch; return why nothing of it was written."""
        if self._failure is not None:
            return StorageFailed(self._name, self._failure)
        try:
            self._begin()
            for together, group in groupby(batch, _together):
                self._run_group(together, list(group))
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # every waiter of the batch hears of it
            return self._undo(error)
        if self._is_log_copied:
            self._uncopied_since_s = clock.monotonic_s()
            self._is_log_copied = False
        return None

    def _run_group(self, together: _Together | None, units: list[Unit]) -> None:
        if together is not None:
            entries = cast("list[Entry]", units)
            if self._attempt(lambda tx: together(tx, entries)) is None:
                for unit in units:
                    unit.end(None)
                return
        for unit in units:
            for part in unit.parts():
                part.error = self._attempt(part.run)

    def _attempt(self, work: Callable[[Tx], object]) -> Exception | None:
        """Do some of a transaction; return why it was undone."""
        is_first, self._is_untouched = self._is_untouched, False
        if not is_first:
            self._connection.execute("SAVEPOINT unit")
        refused: Exception | None = None
        try:
            work(self._tx)
        except Exception as error:
            if not self._connection.in_transaction or means_full(error) or means_broken(error):
                raise  # the whole transaction is gone, or must not be trusted
            refused = _tellable(error)
            if is_first:  # what is first needs no savepoint: the transaction begins anew
                self._connection.execute("ROLLBACK")
                self._begin()
                return refused
            self._connection.execute("ROLLBACK TO unit")
        if not is_first:
            self._connection.execute("RELEASE unit")
        return refused

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._is_untouched = True

    def _undo(self, error: Exception) -> Overloaded:
        """Roll the batch back; return what to tell its waiters. May end all writing."""
        if means_full(error) or means_locked(error):
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if not self._connection.in_transaction:
                return (StorageFull if means_full(error) else StorageLocked)(self._name)
        self._stop_writing(error)
        return StorageFailed(self._name, str(error))

    def _stop_writing(self, error: Exception) -> None:
        log.critical("writing to %s has failed for good: %s; restart", self._name, error)
        self._failure = str(error)
        self._is_taking = False
        # Readers are still open, so this close does not checkpoint what must not be trusted.
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _tell(self, batch: list[Unit]) -> None:
        def tell() -> None:
            for unit in batch:
                unit.tell()

        # The loop may be gone when the process is torn down without closing: nobody waits then.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)

    def _is_copy_due(self, *, is_idle: bool) -> bool:
        if self._is_log_copied:
            return False
        if is_idle or self.is_full:  # a full disk has no room for a longer log
            return True
        changes = self._connection.total_changes - self._copied_changes
        waited_s = clock.monotonic_s() - self._uncopied_since_s
        return changes >= CHECKPOINT_CHANGES or waited_s >= CHECKPOINT_S

    def _guarded(self, checkpoint: Callable[[], None]) -> None:
        try:
            checkpoint()
        except sqlite3.Error as error:
            if means_full(error) and self._ballast is not None:
                self._ballast.give_up()
            elif means_full(error) or means_locked(error):
                log.warning("checkpoint of %s put off: %s", self._name, error)
            else:
                self._stop_writing(error)

    def _copy_log(self) -> None:
        self._copied_changes = self._connection.total_changes
        self._uncopied_since_s = clock.monotonic_s()
        done = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._is_log_copied = done["log"] == done["checkpointed"]

    def _empty_log(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _tellable(error: Exception) -> Exception:
    """Return an error as a future takes it, which refuses one of all."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError("a unit of work raised StopIteration")
    told.__cause__ = error
    return told


def _let_others_go_first() -> None:
    """Do not interrupt the event loop on its core whenever there is something to write.

    Its own time on a core comes as before, with more to write in one transaction.
    """
    with contextlib.suppress(AttributeError, OSError):  # not on this system, or not allowed
        os.sched_setscheduler(get_native_id(), os.SCHED_BATCH, os.sched_param(0))
