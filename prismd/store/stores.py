"""Open everything that lives in the data directory, in the order that is safe."""

import os
from dataclasses import dataclass

from prismd.store.ballast import Ballast
from prismd.store.datadir import DataDir
from prismd.store.migrate import migrate, shipped
from prismd.store.requests import TraceLog
from prismd.store.sqlite import Durability, SqliteDatabase, tell_version


@dataclass(frozen=True, slots=True)
class Stores:
    """The open databases, and the lock that makes them ours."""

    state: SqliteDatabase
    traffic: SqliteDatabase
    traces: TraceLog
    """Writes to ``traffic``."""
    lock: int

    @classmethod
    async def open(cls, data_dir: DataDir, *, durability: Durability = "full") -> "Stores":
        """Lock, check, migrate, open; ``durability`` is that of what must not be lost.

        Raises:
            AlreadyRunning: another daemon is here. StorageRefused: a file cannot be used.
        """
        data_dir.check()
        lock = data_dir.lock()
        try:
            migrate(data_dir.state_db, shipped("state"))
            migrate(data_dir.traffic_db, shipped("traffic"))
            ballast = Ballast(data_dir.ballast_file)
            ballast.take()
            state = await SqliteDatabase.open(
                data_dir.state_db, durability=durability, ballast=ballast
            )
            try:
                traffic = await SqliteDatabase.open(
                    data_dir.traffic_db, durability="relaxed", gives_way_to=ballast
                )
            except BaseException:
                await state.aclose()
                raise
        except BaseException:
            os.close(lock)
            raise
        tell_version()
        return cls(state, traffic, TraceLog(traffic), lock)

    async def aclose(self) -> None:
        """Write what is queued, close, and let go of the lock."""
        self.traces.flush()
        try:
            await self.traffic.aclose()
        finally:
            await self.state.aclose()
            os.close(self.lock)
