"""The port on one SQLite file: a writer thread and a few readers (reliability-security §3.1)."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self, TypeVar

from prismd.kernel.errors import StorageRefused
from prismd.kernel.tasks import finish
from prismd.store.ballast import Ballast
from prismd.store.db import Params, Row, Tx
from prismd.store.faults import means_full
from prismd.store.readers import Readers
from prismd.store.writer import Writer

T = TypeVar("T")

SQLITE_VERSION = sqlite3.sqlite_version
FIXED_VERSION = (3, 51, 3)
"""Before it, SQLite could damage a file that one connection writes while another checkpoints."""
HAS_WAL_RESET_BUG = sqlite3.sqlite_version_info < FIXED_VERSION
log = logging.getLogger("prism.store")


Durability = Literal["full", "relaxed"]
"""Both survive ``kill -9`` of the daemon. ``full`` also survives a crash of the machine, if its
disk honours flushes; after ``relaxed`` the last seconds may be missing, and the file is sound."""


def tell_version() -> None:
    """Name SQLite's version in the log, and what is known of it."""
    if not HAS_WAL_RESET_BUG:
        log.info("SQLite %s", SQLITE_VERSION)
        return
    log.info(
        "SQLite %s has the WAL-reset bug (mended in %s): one connection does all writing here, so"
        " it cannot strike, as long as no other program opens state.db while prismd runs",
        SQLITE_VERSION,
        ".".join(map(str, FIXED_VERSION)),
    )


class SqliteDatabase:
    """``Database`` on a SQLite file that ``migrate`` has made. Nobody else may write to it."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        durability: Durability = "full",
        readers: int = 2,
        ballast: Ballast | None = None,
        gives_way_to: Ballast | None = None,
    ) -> Self:
        """Open a database for the running event loop. Close it with ``aclose``.

        ``ballast`` is space that it may use up when the disk is full; ``gives_way_to`` is that of
        another database, and while it is given up, writes are refused.

        Raises:
            StorageRefused: the file cannot be opened or written.
        """
        try:
            connection = await asyncio.to_thread(_connect, path, durability)
        except sqlite3.Error as error:
            reason = "the disk is full; free some space" if means_full(error) else error
            msg = f"{path} cannot be opened: {reason}"
            raise StorageRefused(msg) from None
        writer = Writer(connection, name=path.name, ballast=ballast, gives_way_to=gives_way_to)
        try:
            return cls(writer, await Readers.open(path, count=readers))
        except BaseException:
            await finish(writer.aclose())
            raise

    @property
    def is_healthy(self) -> bool:
        """Say whether it still takes writes; once False, only a restart helps."""
        return self._writer.is_healthy

    @property
    def is_full(self) -> bool:
        """Say whether the disk is full: what runs may end, but nothing new should begin."""
        return self._writer.is_full

    @property
    def waiting_writes(self) -> int:
        """How many units of work wait for the disk."""
        return self._writer.waiting

    @property
    def last_commit_s(self) -> float:
        """How long the last transaction took, in seconds."""
        return self._writer.last_commit_s

    async def row(self, sql: str, params: Params) -> Row | None:
        """Return the first row of a query, of what is committed."""
        found = await self._readers.rows(sql, params)
        return found[0] if found else None

    async def rows(self, sql: str, params: Params) -> list[Row]:
        """Return every row of a query, of what is committed."""
        return await self._readers.rows(sql, params)

    def write(self, work: Callable[[Tx], T]) -> asyncio.Future[T]:
        """Queue a unit of work; its result is there once it is durable (see ``Database``)."""
        return self._writer.submit(work)

    def write_soon(self, work: Callable[[Tx], object]) -> None:
        """Queue a unit of work that nobody waits for (see ``Database``)."""
        self._writer.submit_unawaited(work)

    async def aclose(self) -> None:
        """Finish what is queued, then let go of the files, even if the caller is cancelled."""
        await finish(self._close())

    async def _close(self) -> None:
        # Readers first: the writer empties the log when it closes, and a reader would hold it.
        await self._readers.aclose()
        await self._writer.aclose()


def _connect(path: Path, durability: Durability) -> sqlite3.Connection:
    """Open the writing connection; it never creates the file."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout=5000")
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()["journal_mode"]
        if mode != "wal":
            msg = "this file system has no write-ahead logging; use a local disk"
            raise StorageRefused(f"{path} cannot be opened: {msg}")  # noqa: TRY301  # closes below
        if durability == "full":
            connection.execute("PRAGMA synchronous=FULL")
        else:
            connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA mmap_size=0")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-4096")
        connection.execute("PRAGMA trusted_schema=OFF")
    except BaseException:
        connection.close()
        raise
    return connection
