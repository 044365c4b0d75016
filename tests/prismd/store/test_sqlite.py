"""The writer and the readers: group commit, isolation, cancelling, faults of the disk, kill -9."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from prismd.kernel.errors import Overloaded, StorageRefused
from prismd.store import writer
from prismd.store.ballast import Ballast
from prismd.store.db import Tx
from prismd.store.faults import StorageFull
from prismd.store.sqlite import SqliteDatabase
from prismd.store.writer import MAX_WAITING


def _make(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB) STRICT")
    connection.close()


def _add(n: int, size_bytes: int = 0) -> Callable[[Tx], int]:
    def work(tx: Tx) -> int:
        tx.execute("INSERT INTO t VALUES (:n, :body)", {"n": n, "body": b"x" * size_bytes})
        return n

    return work


async def _numbers(db: SqliteDatabase) -> list[object]:
    return [row["n"] for row in await db.rows("SELECT n FROM t ORDER BY n", {})]


class Gate:
    """Holds the writer's thread inside a unit of work, so that others have to queue."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._entered, self._leave = threading.Event(), threading.Event()
        db.write_soon(self._wait)

    def _wait(self, _: Tx) -> None:
        self._entered.set()
        assert self._leave.wait(20)

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 20)

    def open(self) -> None:
        self._leave.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    _make(tmp_path / "t.db")
    return tmp_path / "t.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteDatabase.open(path)
    yield opened
    await opened.aclose()


async def test_a_write_returns_its_result_and_is_visible_to_readers(db: SqliteDatabase) -> None:
    assert await db.write(_add(7)) == 7
    assert await db.row("SELECT n FROM t WHERE n = :n", {"n": 7}) == {"n": 7}
    assert await db.row("SELECT n FROM t WHERE n = :n", {"n": 8}) is None


async def test_waiting_writes_share_a_commit_and_a_failing_one_undoes_only_itself(
    db: SqliteDatabase,
) -> None:
    def half_then_fail(tx: Tx) -> None:
        _add(1000)(tx)
        msg = "no"
        raise LookupError(msg)

    gate = Gate(db)
    await gate.entered()
    good = [asyncio.ensure_future(db.write(_add(n))) for n in range(100)]
    bad = asyncio.ensure_future(db.write(half_then_fail))
    twice = asyncio.ensure_future(db.write(_add(5)))
    more = [asyncio.ensure_future(db.write(_add(n))) for n in range(100, 300)]
    await asyncio.sleep(0)
    gate.open()
    assert await asyncio.gather(*good, *more) == list(range(300))
    with pytest.raises(LookupError):
        await bad
    with pytest.raises(sqlite3.IntegrityError):
        await twice
    assert await _numbers(db) == list(range(300))
    assert db.is_healthy


async def test_a_unit_of_work_may_fail_with_whatever_it_likes(db: SqliteDatabase) -> None:
    """A future refuses this one, and whoever came behind it would wait for ever."""
    gate = Gate(db)
    await gate.entered()

    def ends(_: Tx) -> None:
        next(iter(()))

    writes: tuple[asyncio.Future[int], asyncio.Future[None], asyncio.Future[int]]
    writes = db.write(_add(1)), db.write(ends), db.write(_add(2))
    gate.open()
    _, waiting = await asyncio.wait(writes, timeout=10)
    assert not waiting
    assert [type(one.exception()) for one in writes] == [type(None), RuntimeError, type(None)]
    assert await _numbers(db) == [1, 2]


async def test_cancelling_the_caller_never_leaves_half_of_its_work(db: SqliteDatabase) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        _add(1)(tx)
        started.set()
        assert go_on.wait(20)
        _add(2)(tx)

    async def caller() -> None:
        await db.write(work)

    task = asyncio.create_task(caller())
    assert await asyncio.to_thread(started.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()  # what cannot be called back is waited for
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _numbers(db) == [1, 2]


async def test_too_many_waiting_writes_are_refused_and_the_rest_is_done(
    db: SqliteDatabase, path: Path
) -> None:
    gate = Gate(db)
    await gate.entered()
    refused = 0
    for n in range(MAX_WAITING + 10):
        try:
            db.write_soon(_add(n))
        except Overloaded:
            refused += 1
    assert refused >= 10
    gate.open()
    await db.aclose()
    count = sqlite3.connect(path).execute("SELECT count(*) FROM t").fetchone()
    assert count == (MAX_WAITING + 10 - refused,)


async def test_a_failure_that_nobody_awaits_is_logged(
    db: SqliteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await db.write(_add(1))
    db.write_soon(_add(1))
    await db.write(_add(2))
    assert "failed" in caplog.text


async def test_a_full_disk_refuses_the_write_and_recovers(db: SqliteDatabase) -> None:
    await db.write(lambda tx: tx.row("PRAGMA max_page_count = 8", {}))
    with pytest.raises(Overloaded) as refused:
        await db.write(_add(1, size_bytes=100_000))
    assert refused.value.code == "storage_full"
    assert await db.write(_add(2)) == 2
    await db.write(lambda tx: tx.row("PRAGMA max_page_count = 100000", {}))
    assert await db.write(_add(1, size_bytes=100_000)) == 1


async def test_a_ballast_that_is_out_of_reach_leaves_nobody_waiting(
    path: Path, tmp_path: Path
) -> None:
    """The thread goes on, or all who wait would wait for ever."""
    db = await SqliteDatabase.open(path, ballast=Ballast(tmp_path))
    await db.write(lambda tx: tx.row("PRAGMA max_page_count = 8", {}))
    writes = [db.write(_add(n, size_bytes=100_000)) for n in range(3)]
    done, _ = await asyncio.wait(writes, timeout=10)
    assert [type(one.exception()) for one in done] == [StorageFull] * 3
    await db.aclose()


async def test_an_error_of_the_disk_stops_writing_for_good(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(sqlite3.Connection):
        commits = 0

        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                Breaking.commits += 1
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                raise error
            return super().execute(sql, *args)  # type: ignore[arg-type]

    real = sqlite3.connect

    def connect(where: str, **options: object) -> sqlite3.Connection:
        if "mode=rw" in str(where):
            options["factory"] = Breaking
        return real(where, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", connect)
    db = await SqliteDatabase.open(path)
    outcomes = await asyncio.gather(*(db.write(_add(n)) for n in range(5)), return_exceptions=True)
    assert all(isinstance(o, Overloaded) and o.code == "storage_failed" for o in outcomes)
    assert not db.is_healthy
    with pytest.raises(Overloaded, match="restart"):
        await db.write(_add(9))
    with pytest.raises(Overloaded, match="restart"):
        db.write_soon(_add(9))
    assert Breaking.commits == 1, "never tried again on the same handle"
    await db.aclose()
    assert sqlite3.connect(path).execute("SELECT count(*) FROM t").fetchone() == (0,)


async def test_a_foreign_lock_refuses_the_write_and_recovers(
    db: SqliteDatabase, path: Path
) -> None:
    await db.write(lambda tx: tx.row("PRAGMA busy_timeout = 50", {}))
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(Overloaded):
        await db.write(_add(1))
    foreign.execute("ROLLBACK")
    foreign.close()
    assert db.is_healthy
    assert await db.write(_add(1)) == 1


async def test_readers_cannot_write(db: SqliteDatabase) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await db.rows("DELETE FROM t", {})


async def test_a_read_that_never_ends_is_cut_off(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prismd.store.readers.MAX_READ_S", 0.05)
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"
    with pytest.raises(Overloaded):
        await asyncio.wait_for(db.rows(endless, {}), 10)
    assert await _numbers(db) == []


async def test_under_steady_load_the_log_is_copied_all_the_same(
    db: SqliteDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What bounds the loss of relaxed durability: no pause is needed, nor many changes."""
    monkeypatch.setattr(writer, "CHECKPOINT_S", 0.05)
    monkeypatch.setattr(writer, "IDLE_S", 60.0)
    file, deadline_s = f"file:{path}?mode=ro&immutable=1", time.monotonic() + 10

    def without_the_log() -> int:
        with closing(sqlite3.connect(file, uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM t").fetchone()
        return int(count)

    written = 0
    while without_the_log() == 0:
        assert time.monotonic() < deadline_s
        await db.write(_add(written))
        written += 1
    assert 0 < without_the_log() < writer.CHECKPOINT_CHANGES


async def test_closing_finishes_the_queue_and_leaves_one_file(path: Path) -> None:
    db = await SqliteDatabase.open(path)
    for n in range(500):
        db.write_soon(_add(n))
    await db.row("SELECT 1", {})
    await db.aclose()
    await db.aclose()
    assert [file.name for file in path.parent.iterdir()] == ["t.db"]
    assert sqlite3.connect(path).execute("SELECT count(*) FROM t").fetchone() == (500,)
    with pytest.raises(Overloaded):
        await db.write(_add(1))


async def test_closing_ends_every_thread(path: Path) -> None:
    before = set(threading.enumerate())
    db = await SqliteDatabase.open(path)
    await db.write(_add(1))
    await db.aclose()
    left = [t for t in set(threading.enumerate()) - before if "asyncio" not in t.name]
    assert not left


async def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused):
        await SqliteDatabase.open(tmp_path / "absent.db")
    assert not list(tmp_path.iterdir())


async def test_a_path_with_signs_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "50% off?#1"
    folder.mkdir()
    _make(folder / "t.db")
    db = await SqliteDatabase.open(folder / "t.db")
    await db.write(_add(1))
    assert await _numbers(db) == [1]
    await db.aclose()


_WRITES_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from prismd.store.sqlite import SqliteDatabase

async def client(db, first):
    n = first
    while True:
        await db.write(lambda tx: tx.execute("INSERT INTO t VALUES (:n, NULL)", {"n": n}))
        print(n, flush=True)
        n += 8

async def main():
    db = await SqliteDatabase.open(Path(sys.argv[1]))
    start = int(sys.argv[2])
    await asyncio.gather(*(client(db, start + n) for n in range(8)))

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    acknowledged: set[int] = set()
    for kill_after in (1, 37, 211, 640):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITES_UNTIL_KILLED, str(path), str(kill_after * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(kill_after):
            acknowledged.add(int(child.stdout.readline()))
        child.send_signal(signal.SIGKILL)
        # The last line may be cut; whole ones were acknowledged before the kill.
        rest = child.stdout.read()
        acknowledged |= {int(line) for line in rest.splitlines(keepends=True) if line[-1] == "\n"}
        child.stdout.close()
        child.wait()
        connection = sqlite3.connect(path)
        found = {n for (n,) in connection.execute("SELECT n FROM t")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        assert acknowledged <= found
