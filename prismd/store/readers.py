"""Read-only connections to a SQLite file, taken in turn. They never write and never checkpoint.

Invariant: a query runs in one hop to a thread and ends by itself after ``MAX_READ_S``, so that no
reader holds the log for long (and a cancelled caller holds its connection no longer than that).
"""

import asyncio
import sqlite3
from math import inf
from pathlib import Path
from typing import Self

import aiosqlite

from prismd.kernel import clock
from prismd.kernel.errors import Overloaded
from prismd.store.db import Params, Row

MAX_READ_S = 5.0
_STEPS_BETWEEN_LOOKS = 10_000
"""Instructions of SQLite's machine between two looks at the clock: well under a millisecond."""


def read_only_uri(path: Path) -> str:
    """Name a file to SQLite so that it is never made or changed, whatever signs the path has."""
    return f"{path.absolute().as_uri()}?mode=ro"


class _Reader:
    """One connection with its thread, and until when its query may run."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self._deadline_s = inf

    async def prepare(self) -> None:
        """Make the connection unable to write, and its queries stop at the deadline."""
        self.connection.row_factory = sqlite3.Row
        for pragma in (
            "PRAGMA query_only=ON",
            "PRAGMA wal_autocheckpoint=0",
            "PRAGMA busy_timeout=5000",
            "PRAGMA mmap_size=0",
            "PRAGMA temp_store=MEMORY",
            "PRAGMA trusted_schema=OFF",
        ):
            await self.connection.execute_fetchall(pragma)
        await self.connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)

    def _is_late(self) -> int:
        return int(clock.monotonic_s() > self._deadline_s)

    async def rows(self, sql: str, params: Params) -> list[Row]:
        """Run one query."""
        self._deadline_s = clock.monotonic_s() + MAX_READ_S
        found = await self.connection.execute_fetchall(sql, params)
        return [dict(row) for row in found]


class Readers:
    """A fixed number of connections; a query waits for a free one."""

    def __init__(self) -> None:
        self._all: list[_Reader] = []
        self._free: asyncio.LifoQueue[_Reader] = asyncio.LifoQueue()

    @classmethod
    async def open(cls, path: Path, *, count: int) -> Self:
        """Open the connections; the file must exist and have a writer."""
        readers = cls()
        uri = read_only_uri(path)
        try:
            for _ in range(count):
                connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
                reader = _Reader(connection)
                readers._all.append(reader)
                await reader.prepare()
                readers._free.put_nowait(reader)
        except BaseException:
            await readers.aclose()
            raise
        return readers

    async def rows(self, sql: str, params: Params) -> list[Row]:
        """Run one query on a free connection.

        Raises:
            Overloaded: it took longer than ``MAX_READ_S``.
        """
        reader = await self._free.get()
        try:
            return await reader.rows(sql, params)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
                raise
            msg = f"Reading took longer than {MAX_READ_S:g} s. Ask for less, or a shorter time."
            raise Overloaded(msg, code="read_too_slow") from None
        finally:
            self._free.put_nowait(reader)

    async def aclose(self) -> None:
        """Stop running queries and close every connection; its thread ends with it."""
        for reader in self._all:
            await reader.connection.interrupt()
        while self._all:
            await self._all.pop().connection.close()
