"""The one writer of a SQLite file: a thread that takes whole units of work and commits in groups.

Whatever waits when the thread is free shares one transaction (no timer: a lone write does not
wait); each unit has a savepoint, so one that fails takes nobody with it. Results are told after the
COMMIT.

Invariant: only this thread writes or checkpoints. After an I/O error it never touches the file
again, because a failed fsync says nothing about what is on the disk (reliability-security §3.1).
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from prismd.kernel.errors import Overloaded
from prismd.store.db import Params, Row, Tx

MAX_BATCH = 256
"""Units of work in one transaction."""
MAX_WAITING = 5_000
"""Units of work in the queue; one more is refused."""
CHECKPOINT_CHANGES = 1_000
"""Changed rows after which the log is copied into the database; each dirties a few pages."""
IDLE_S = 1.0
"""Pause after which it is copied anyway."""

_FULL = frozenset({sqlite3.SQLITE_FULL})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_BROKEN = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM}
)

log = logging.getLogger("prism.store")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StorageFull(Overloaded):
    """The disk is full; nothing of the write is in the database."""

    code = "storage_full"


class StorageFailed(Overloaded):
    """The disk refused a write; the daemon accepts no more and has to be restarted."""

    code = "storage_failed"


class SqliteTx:
    """``Tx`` on a SQLite connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params) -> int:
        """Run one statement and return how many rows it changed."""
        return self._connection.execute(sql, params).rowcount

    def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query."""
        found = self._connection.execute(sql, params).fetchall()
        return dict(found[0]) if found else None


class _Job(Generic[T_co]):
    """One queued unit of work, and who waits for it."""

    __slots__ = ("_error", "_future", "_result", "_work")

    def __init__(self, work: Callable[[Tx], T_co], future: asyncio.Future[T_co] | None) -> None:
        self._work = work
        self._future = future
        self._error: Exception | None = None

    def run(self, tx: Tx) -> None:
        """Do the work; in the writer's thread."""
        self._result = self._work(tx)

    def fail(self, error: Exception) -> None:
        """Note that nothing of the work was written."""
        self._error = error

    def tell(self) -> None:
        """Hand over the result, or the error; in the event loop."""
        if self._future is None:
            if self._error is not None:
                log.error("a write that nobody waits for failed", exc_info=self._error)
        elif self._future.done():
            return  # the caller was cancelled meanwhile
        elif self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._result)


class Writer:
    """Owns a connection and its thread. Methods are called from the event loop that made it."""

    def __init__(self, connection: sqlite3.Connection, *, name: str) -> None:
        """Take over a connection in autocommit mode that any thread may use."""
        self._name = name
        self._connection = connection
        self._tx = SqliteTx(connection)
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._is_closed = False
        self._failure: str | None = None
        self._copied_changes = connection.total_changes
        self._is_log_copied = True
        # A daemon thread: a process that ends without closing must not hang; SQLite recovers.
        self._thread = Thread(target=self._run, name=f"prism-write-{name}", daemon=True)
        self._thread.start()

    @property
    def is_healthy(self) -> bool:
        """Say whether writes are still taken."""
        return self._failure is None

    def submit(self, work: Callable[[Tx], T]) -> asyncio.Future[T]:
        """Queue a unit of work; the future is done when it is durable or undone.

        Raises:
            Overloaded: the queue is full, closed, or the storage has failed.
        """
        self._check_room()
        future: asyncio.Future[T] = self._loop.create_future()
        job: _Job[T] = _Job(work, future)
        self._queue.put(job)
        return future

    def submit_unawaited(self, work: Callable[[Tx], object]) -> None:
        """Queue a unit of work that nobody waits for.

        Raises:
            Overloaded: the queue is full, closed, or the storage has failed.
        """
        self._check_room()
        self._queue.put(_Job(work, None))

    async def aclose(self) -> None:
        """Finish what is queued, empty the log into the database, close the connection."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _check_room(self) -> None:
        if self._failure is not None:
            raise _failed(self._name, self._failure)
        if self._is_closed:
            msg = "The gateway is stopping. Try again in a moment."
            raise Overloaded(msg)
        if self._queue.qsize() >= MAX_WAITING:
            msg = f"More than {MAX_WAITING} writes are waiting for the disk. Try again in a moment."
            raise Overloaded(msg, retry_after_s=1)

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                self._commit(batch)
                self._tell(batch)
            if self._failure is None and self._is_copy_due(is_idle=not batch):
                self._guarded(self._copy_log)
        if self._failure is None:
            self._guarded(self._empty_log)
            self._connection.close()

    def _take(self) -> tuple[list[_Job[object]], bool]:
        """Wait for work; return what is there, and whether more may come."""
        batch: list[_Job[object]] = []
        try:
            job = self._queue.get(timeout=None if self._is_log_copied else IDLE_S)
            while job is not None:
                batch.append(job)
                if len(batch) == MAX_BATCH:
                    return batch, True
                job = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _commit(self, batch: list[_Job[object]]) -> None:
        if self._failure is not None:
            self._fail_all(batch, _failed(self._name, self._failure))
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._run_job(job)
            self._connection.execute("COMMIT")
            self._is_log_copied = False
        except Exception as error:  # noqa: BLE001  # every waiter of the batch hears of it
            self._fail_all(batch, self._undo(error))

    def _run_job(self, job: _Job[object]) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.run(self._tx)
        except Exception as error:
            if not self._connection.in_transaction or _code(error) in _FULL | _BROKEN:
                raise  # the whole transaction is gone, or must not be trusted
            self._connection.execute("ROLLBACK TO job")
            job.fail(error)
        self._connection.execute("RELEASE job")

    def _undo(self, error: Exception) -> Exception:
        """Roll the batch back; return what to tell its waiters. May end all writing."""
        if _code(error) in _FULL | _BUSY:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if not self._connection.in_transaction:
                return _refusal(self._name, error)
        self._stop_writing(error)
        return _failed(self._name, str(error))

    def _stop_writing(self, error: Exception) -> None:
        log.critical("writing to %s has failed for good: %s; restart", self._name, error)
        self._failure = str(error)
        # Readers are still open, so this close does not checkpoint what must not be trusted.
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @staticmethod
    def _fail_all(batch: list[_Job[object]], error: Exception) -> None:
        for job in batch:
            job.fail(error)

    def _tell(self, batch: list[_Job[object]]) -> None:
        def tell() -> None:
            for job in batch:
                job.tell()

        # The loop may be gone when the process is torn down without closing: nobody waits then.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)

    def _is_copy_due(self, *, is_idle: bool) -> bool:
        changes = self._connection.total_changes - self._copied_changes
        return changes >= CHECKPOINT_CHANGES or (is_idle and not self._is_log_copied)

    def _guarded(self, checkpoint: Callable[[], None]) -> None:
        try:
            checkpoint()
        except sqlite3.Error as error:
            if _code(error) in _FULL | _BUSY:
                log.warning("checkpoint of %s put off: %s", self._name, error)
            else:
                self._stop_writing(error)

    def _copy_log(self) -> None:
        self._copied_changes = self._connection.total_changes
        done = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._is_log_copied = done["log"] == done["checkpointed"]

    def _empty_log(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _code(error: Exception) -> int:
    """Return the primary result code of SQLite; 0 for an error that is not SQLite's own."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _refusal(name: str, error: Exception) -> Overloaded:
    if _code(error) in _FULL:
        msg = f"The disk is full: nothing can be written to {name}. Free some space."
        return StorageFull(msg)
    msg = f"Another program has locked {name}. Try again in a moment."
    return Overloaded(msg, retry_after_s=1)


def _failed(name: str, reason: str) -> StorageFailed:
    msg = f"The storage of the gateway has failed ({name}: {reason}). It must be restarted."
    return StorageFailed(msg)
