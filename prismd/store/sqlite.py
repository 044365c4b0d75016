"""SQLite: one writer thread with group commit, a few readers (reliability-security §3.1).

Invariant: exactly one connection ever writes or checkpoints, and it lives in one thread. Closures
that wait are taken together into one transaction, each in a savepoint of its own: a failing one
undoes only itself. Futures are resolved after the COMMIT, so what was acknowledged is on disk. An
error of the disk at COMMIT stops the writer for good: it is never retried on the same handle.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import aiosqlite

from prismd.kernel.errors import Overloaded, StorageRefused
from prismd.store.db import Params, Row, Tx

log = logging.getLogger("prism.store")
T = TypeVar("T")

Durability = Literal["full", "relaxed"]

MAX_WAITING = 5_000
MAX_GROUP = 256
CHECKPOINT_WRITES = 500
"""Closures between two checkpoints under load; each dirties one to three pages."""
IDLE_CHECKPOINT_S = 1.0
READERS = 2
MMAP_OFF = "PRAGMA mmap_size = 0"

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",
    MMAP_OFF,
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
    "PRAGMA trusted_schema = OFF",
)
_SYNCHRONOUS = {
    "full": "PRAGMA synchronous = FULL",
    "relaxed": "PRAGMA synchronous = NORMAL",
}


_DISK_ERRORS = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
    }
)


class StorageFull(Overloaded):
    """The disk is full; nothing of the write is in the database."""

    code = "storage_full"


class StorageFailed(Overloaded):
    """The disk refused a write; the daemon accepts no more and has to be restarted."""

    code = "storage_failed"


@dataclass(slots=True)
class _Work:
    run: Callable[[Tx], object]
    resolve: Callable[[Exception | None], None]


class _SqliteTx:
    """The writer's connection, as closures see it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params) -> int:
        return self._connection.execute(sql, params).rowcount

    def row(self, sql: str, params: Params) -> Row | None:
        return _first(self._connection.execute(sql, params).fetchmany(1))


def _first(rows: Sequence[sqlite3.Row]) -> Row | None:
    return dict(rows[0]) if rows else None


class SqliteDatabase:
    """A ``Database`` on one SQLite file. Open it with ``open``; close it in every case."""

    def __init__(
        self, writer: sqlite3.Connection, readers: list[aiosqlite.Connection], name: str
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._next_reader = 0
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._waiting = 0
        self._failure: Exception | None = None
        self._writes_since_checkpoint = 0
        self._thread = threading.Thread(target=self._run, name=f"writer-{name}", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, path: Path, *, durability: Durability = "full") -> "SqliteDatabase":
        """Open a database whose schema is current.

        Raises:
            StorageRefused: it cannot be opened.
        """
        try:
            writer = connect_writer(path, durability=durability)
        except sqlite3.Error as error:
            msg = f"cannot open {path}: {error}"
            raise StorageRefused(msg) from None
        readers = []
        for _ in range(READERS):
            reader = await aiosqlite.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
            reader.row_factory = sqlite3.Row
            for pragma in ("PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0", MMAP_OFF):
                await reader.execute_fetchall(pragma)
            readers.append(reader)
        return cls(writer, readers, path.stem)

    @property
    def is_healthy(self) -> bool:
        """Whether writes are still accepted."""
        return self._failure is None

    async def rows(self, sql: str, params: Params) -> list[Row]:
        """Return all rows of a query, from one of the readers."""
        self._next_reader = (self._next_reader + 1) % len(self._readers)
        found = await self._readers[self._next_reader].execute_fetchall(sql, params)
        return [dict(row) for row in found]

    async def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query."""
        found = await self.rows(sql, params)
        return found[0] if found else None

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a closure on the writer; durable when this returns."""
        future: asyncio.Future[T] = self._loop.create_future()
        answer: list[T] = []

        def run(tx: Tx) -> None:
            answer.append(work(tx))

        def resolve(error: Exception | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer[0])

        self._submit(_Work(run, resolve))
        return await future

    def write_soon(self, work: Callable[[Tx], None]) -> None:
        """Queue a closure; a failure is logged."""

        def resolve(error: Exception | None) -> None:
            if error is not None:
                log.error("a queued write to %s failed: %s", self._name, error)

        self._submit(_Work(work, resolve))

    def _submit(self, work: _Work) -> None:
        if self._failure is not None:
            raise self._refusal()
        if self._waiting >= MAX_WAITING:
            msg = f"{MAX_WAITING} writes are waiting for the disk. Try again in a moment."
            raise Overloaded(msg, retry_after_s=1.0)
        self._waiting += 1
        self._queue.put(work)

    def _refusal(self) -> StorageFailed:
        msg = "The disk refused a write; no more is accepted until the daemon is restarted."
        return StorageFailed(msg)

    async def aclose(self) -> None:
        """Write what is queued, checkpoint, close; the writer last, so that it can tidy up."""
        for reader in self._readers:
            await reader.close()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            while (group := self._take()) is not None:
                self._commit(group)
        finally:
            if self._failure is None:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.close()

    def _take(self) -> list[_Work] | None:
        """Wait for work and take what is there; None when closing."""
        try:
            first = self._queue.get(timeout=IDLE_CHECKPOINT_S)
        except queue.Empty:
            self._checkpoint(at_least=1)
            first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            group.append(more)
        return group

    def _commit(self, group: list[_Work]) -> None:
        errors: list[Exception | None]
        try:
            if self._failure is None:
                self._writer.execute("BEGIN IMMEDIATE")
                errors = [self._attempt(work) for work in group]
                self._writer.execute("COMMIT")
            else:
                errors = [self._refusal() for _ in group]
        except sqlite3.Error as error:
            errors = [self._undo(error) for _ in group]
        self._call_loop(self._resolve, group, errors)
        self._writes_since_checkpoint += len(group)
        self._checkpoint(at_least=CHECKPOINT_WRITES)

    def _attempt(self, work: _Work) -> Exception | None:
        self._writer.execute("SAVEPOINT one")
        try:
            work.run(_SqliteTx(self._writer))
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
            return error
        self._writer.execute("RELEASE one")
        return None

    def _undo(self, error: sqlite3.Error) -> Exception:
        """Roll the group back; a full disk may get room again, any other fault ends the writer."""
        if self._writer.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return StorageFull("The disk is full; nothing was written. Make room, then try again.")
        if self._failure is None:
            log.critical("database %s: %s; writes are stopped", self._name, error)
            self._failure = error
        return self._refusal()

    def _call_loop(
        self,
        function: Callable[[list[_Work], list[Exception | None]], None],
        group: list[_Work],
        errors: list[Exception | None],
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, group, errors)

    def _resolve(self, group: list[_Work], errors: list[Exception | None]) -> None:
        self._waiting -= len(group)
        for work, error in zip(group, errors, strict=True):
            work.resolve(error)

    def _checkpoint(self, *, at_least: int) -> None:
        if self._failure is None and self._writes_since_checkpoint >= at_least:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._writes_since_checkpoint = 0


def _is_of_the_disk(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _DISK_ERRORS


def connect_writer(path: Path, *, durability: Durability) -> sqlite3.Connection:
    """Open the one connection that writes. The file must exist.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = sqlite3.connect(
        f"file:{path}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    for pragma in (*_WRITER_PRAGMAS, _SYNCHRONOUS[durability]):
        connection.execute(pragma)
    return connection
