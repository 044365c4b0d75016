"""The n-th write or fsync of the writer fails: nothing is lost that it called durable.

``--deep`` fails each of the first 200 instead of the first 10.
"""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.strace import strace, struck

_WRITES = """
import asyncio, sys
from pathlib import Path
from prismd.kernel.errors import Overloaded
from prismd.store.ballast import Ballast
from prismd.store.sqlite import SqliteDatabase

async def client(db, number):
    for n in range(number, int(sys.argv[2]), 4):
        row = {"n": n, "body": b"x" * 3000}
        try:
            await db.write(lambda tx: tx.execute("INSERT INTO t VALUES (:n, :body)", row))
        except Overloaded as error:
            print(error.code, flush=True)
        else:
            print(n, flush=True)

async def main():
    path = Path(sys.argv[1])
    db = await SqliteDatabase.open(path, ballast=Ballast(path.with_name("ballast")))
    await asyncio.gather(*(client(db, number) for number in range(4)))
    await db.aclose()

asyncio.run(main())
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "nth" in metafunc.fixturenames:
        is_deep = metafunc.config.getoption("--deep")
        metafunc.parametrize("nth", range(1, 201 if is_deep else 11))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB) STRICT")
    return path


def _write_under(path: Path, calls: str, fault: str, *, rows: int) -> tuple[set[int], set[str]]:
    """Write rows while a system call fails; return what was acknowledged, and the refusals."""
    report = path.with_name("strace")
    ended = subprocess.run(
        [*strace(report, calls, fault), sys.executable, "-c", _WRITES, str(path), str(rows)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert struck(report) > 0, "the fault was there"
    assert "Traceback" not in ended.stderr or "cannot be opened" in ended.stderr
    lines = ended.stdout.split()
    return {int(line) for line in lines if line.isdigit()}, {
        line for line in lines if not line.isdigit()
    }


def _found(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {n for (n,) in connection.execute("SELECT n FROM t")}


@pytest.mark.parametrize("calls", ["fsync,fdatasync", "pwrite64"])
def test_an_error_of_the_disk_is_told_and_nothing_acknowledged_is_lost(
    path: Path, calls: str, nth: int
) -> None:
    acknowledged, refusals = _write_under(path, calls, f"error=EIO:when={nth}", rows=8 * nth + 8)
    assert acknowledged <= _found(path)
    assert refusals <= {"storage_failed"}


def test_a_write_without_room_is_made_again_in_the_ballast(path: Path, nth: int) -> None:
    fault = f"error=ENOSPC:when={nth + 8}"  # the first eight make the index of the log
    acknowledged, refusals = _write_under(path, "pwrite64", fault, rows=8 * nth + 40)
    assert acknowledged == _found(path) == set(range(8 * nth + 40))
    assert refusals == set()


def test_without_any_room_each_write_is_refused_and_room_heals_it(path: Path) -> None:
    fault = "error=ENOSPC:when=20..60"
    acknowledged, refusals = _write_under(path, "pwrite64", fault, rows=400)
    assert refusals == {"storage_full"}
    assert acknowledged == _found(path)
    assert 399 in acknowledged


@pytest.mark.parametrize("calls", ["pwrite64"])
def test_an_interrupted_write_is_no_fault(path: Path, calls: str) -> None:
    acknowledged, refusals = _write_under(path, calls, "error=EINTR:when=3+3", rows=100)
    assert acknowledged == _found(path) == set(range(100))
    assert refusals == set()
