"""Migrations: from nothing to the newest, killed anywhere, and what is refused untouched."""

import hashlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prismd.kernel.errors import StorageRefused
from prismd.store.datadir import DataDir
from prismd.store.migrate import Migration, migrate, plan, shipped

V1 = Migration(1, "0001_t", "CREATE TABLE t (n INTEGER NOT NULL) STRICT;\n")
V2 = Migration(
    2,
    "0002_more",
    "ALTER TABLE t ADD COLUMN m INTEGER;\nUPDATE t SET m = n * 2;\nCREATE INDEX t_by_m ON t (m);\n",
)


def _schema(path: Path) -> list[object]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return list(rows)


def _fill(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executemany("INSERT INTO t (n) VALUES (?)", [(n,) for n in range(50)])
    connection.commit()
    connection.close()


@pytest.mark.parametrize("database", ["state", "traffic"])
def test_from_nothing_to_the_newest(tmp_path: Path, database: str) -> None:
    path = tmp_path / "x.db"
    migrations = shipped(database)
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1))
    assert plan(path, migrations) == migrations
    assert not path.exists(), "a plan changes nothing"
    assert migrate(path, migrations) == migrations
    assert plan(path, migrations) == migrate(path, migrations) == []
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    connection.close()
    assert all(
        sql.rstrip().endswith(("STRICT", "STRICT, WITHOUT ROWID")) for (sql,) in tables if sql
    )
    assert path.stat().st_mode & 0o077 == 0


def test_an_older_database_is_copied_aside_then_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    migrate(path, [V1])
    _fill(path)
    assert migrate(path, [V1, V2]) == [V2]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT sum(m), count(*) FROM t").fetchone() == (2450, 50)
    connection.close()
    (copy,) = [file for file in tmp_path.iterdir() if file != path]
    assert copy.stat().st_mode & 0o077 == 0
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT sum(n), count(*) FROM t").fetchone() == (1225, 50)
    connection.close()


def test_a_step_that_fails_leaves_the_schema_before_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    migrate(path, [V1])
    before = _schema(path)
    broken = Migration(
        2, "0002_x", "CREATE TABLE u (n INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);\n"
    )
    with pytest.raises(StorageRefused, match="nowhere"):
        migrate(path, [V1, broken])
    assert _schema(path) == before


def test_a_trigger_with_statements_of_its_own_is_one_statement(tmp_path: Path) -> None:
    trigger = (
        "CREATE TRIGGER t_append_only BEFORE DELETE ON t BEGIN\n"
        "    UPDATE t SET n = n;\n"
        "    SELECT RAISE(ABORT, 'append only');\n"
        "END;\n"
    )
    migrate(tmp_path / "x.db", [V1, Migration(2, "0002_trigger", trigger)])
    _fill(tmp_path / "x.db")
    connection = sqlite3.connect(tmp_path / "x.db")
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        connection.execute("DELETE FROM t")
    connection.close()


_KILLED_AT = """
import os, signal, sqlite3, sys
from pathlib import Path
from prismd.store.migrate import migrate
from tests_migrations import V1, V2

left = int(sys.argv[2])
real = sqlite3.connect

def count(_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def connect(where, **options):
    connection = real(where, **options)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = connect
migrate(Path(sys.argv[1]), [V1, V2] if sys.argv[3] == "2" else [V1])
"""


def _child(folder: Path, path: Path, statements: int, target: str) -> int:
    module = folder / "tests_migrations.py"
    if not module.exists():
        module.write_text(
            "from prismd.store.migrate import Migration\n"
            f"V1 = Migration(1, {V1.name!r}, {V1.sql!r})\n"
            f"V2 = Migration(2, {V2.name!r}, {V2.sql!r})\n"
        )
    script = f"import sys; sys.path.insert(0, {str(folder)!r})\n{_KILLED_AT}"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(statements), target], check=False
    )
    return done.returncode


@pytest.mark.parametrize("target", ["1", "2"])
def test_killed_anywhere_leaves_before_or_after_and_the_next_start_finishes(
    tmp_path: Path, target: str
) -> None:
    """Kill at each statement: of the first start, and of an upgrade of a database with data."""
    code, at = -signal.SIGKILL, 0
    while code == -signal.SIGKILL:
        folder = tmp_path / str(at)
        folder.mkdir()
        path = folder / "x.db"
        if target == "2":
            migrate(path, [V1])
            _fill(path)
        code = _child(tmp_path, path, at, target)
        migrate(path, [V1, V2])
        connection = sqlite3.connect(path)
        expected = 50 if target == "2" else 0
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (expected,)
        assert connection.execute("SELECT count(*) FROM t WHERE m <> n * 2").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM schema_migrations").fetchone() == (2,)
        connection.close()
        at += 1
    assert code == 0
    assert at > 5


def _newer(path: Path) -> None:
    migrate(path, [V1, V2, Migration(3, "0003_x", "CREATE TABLE u (n INTEGER) STRICT;\n")])


def _changed(path: Path) -> None:
    migrate(path, [Migration(1, "0001_t", V1.sql.replace("NOT NULL", "")), V2])


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (n)")
    connection.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"hello, I am a text\n" * 500)


def _emptied(path: Path) -> None:
    path.touch()


def _cut(path: Path) -> None:
    migrate(path, [V1, V2])
    _fill(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _page_overwritten(path: Path) -> None:
    migrate(path, [V1, V2])
    _fill(path)
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)


def _only_the_log_left(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"\x37\x7f\x06\x82" * 1000)


def _newer_by_pragma(path: Path) -> None:
    migrate(path, [V1, V2])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize(
    "spoil",
    [
        _newer,
        _newer_by_pragma,
        _changed,
        _foreign,
        _garbage,
        _emptied,
        _cut,
        _page_overwritten,
        _only_the_log_left,
    ],
)
def test_refused_in_one_line_and_untouched(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "x.db"
    spoil(path)
    before = _hashes(tmp_path)
    for attempt in (plan, migrate):
        with pytest.raises(StorageRefused) as refused:
            attempt(path, [V1, V2])
        assert "\n" not in str(refused.value)
        assert "x.db" in str(refused.value)
        assert _hashes(tmp_path) == before


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    migrate(tmp_path / "real.db", [V1])
    (tmp_path / "x.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(StorageRefused, match="symbolic link"):
        migrate(tmp_path / "x.db", [V1, V2])


def test_a_path_with_signs_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "50% off?#1"
    folder.mkdir()
    migrate(folder / "x.db", [V1, V2])
    assert [file.name for file in folder.iterdir()] == ["x.db"]
    assert plan(folder / "x.db", [V1, V2]) == []
    assert not list(tmp_path.glob("50% off")), "no file beside"
    shutil.rmtree(folder)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if not file.name.endswith("-shm")
    }


def test_a_damaged_database_is_refused_in_words_or_opened_but_never_touched(
    data_dir: DataDir,
) -> None:
    migrate(data_dir.state_db, shipped("state"))
    sound, chance, refused = data_dir.state_db.read_bytes(), random.Random(11), list[str]()
    for _ in range(200):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 1, 16, 512))):
            damaged[chance.randrange(len(sound))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        data_dir.state_db.write_bytes(damaged)
        try:
            plan(data_dir.state_db, shipped("state"))
        except StorageRefused as error:
            refused.append(str(error))
        assert data_dir.state_db.read_bytes() == damaged
        assert {path.name for path in data_dir.path.iterdir()} == {"state.db"}
    assert len(refused) > 50
    assert not any("\n" in line for line in refused)
