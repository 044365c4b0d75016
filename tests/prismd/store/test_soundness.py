"""What is found before a database is opened: damage in the file, or in a log left over."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prismd.kernel.errors import StorageRefused
from prismd.store import soundness
from prismd.store.migrate import Migration, migrate, plan
from prismd.store.soundness import wal_of

V1 = [
    Migration(
        1, "0001_t", "CREATE TABLE t (n INTEGER, body TEXT) STRICT;\nCREATE INDEX i ON t (n);\n"
    )
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with rows, closed well."""
    path = tmp_path / "x.db"
    migrate(path, V1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 50) for n in range(2000)])
        connection.commit()
    assert not wal_of(path).exists()
    return path


def _leave_log(path: Path) -> None:
    """Commit rows as a process that is killed then: they are in the log, not in the file."""
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        for n in range(20):
            connection.execute("INSERT INTO t VALUES (?, 'late')", (n,))
            connection.commit()
        wal = wal_of(path).read_bytes()
    path.write_bytes(before)
    wal_of(path).write_bytes(wal)


def _leave_log_beside(path: Path) -> None:
    """Leave the log of a process that has written to another table."""
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE schema_migrations SET name = name || 'x'")
        connection.commit()
        wal = wal_of(path).read_bytes()
    path.write_bytes(before)
    wal_of(path).write_bytes(wal)


def _swap_index_entries(path: Path) -> None:
    """Damage that only a full check finds: an index that does not fit its table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (body)' WHERE name = 'i'"
        )
        connection.commit()


def test_a_left_over_log_is_read_and_both_stay_as_they_are(path: Path) -> None:
    _leave_log(path)
    before = path.read_bytes(), wal_of(path).read_bytes()
    assert plan(path, V1) == []
    assert (path.read_bytes(), wal_of(path).read_bytes()) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2020,)


def test_after_a_crash_indexes_are_held_against_their_tables(path: Path) -> None:
    _swap_index_entries(path)
    assert plan(path, V1) == [], "a quick look does not see it"
    _leave_log_beside(path)
    with pytest.raises(StorageRefused, match="damaged"):
        plan(path, V1)


@pytest.mark.parametrize("head", [bytes(32), b"garbage " * 4], ids=["zeros", "garbage"])
def test_a_log_that_begins_as_none_does_is_refused_and_untouched(path: Path, head: bytes) -> None:
    _leave_log(path)
    wal = head + wal_of(path).read_bytes()[32:]
    wal_of(path).write_bytes(wal)
    before = path.read_bytes()
    with pytest.raises(StorageRefused, match=r"x\.db-wal is damaged"):
        plan(path, V1)
    assert (path.read_bytes(), wal_of(path).read_bytes()) == (before, wal)


@pytest.mark.parametrize("size_bytes", [0, 10, 32])
def test_a_log_without_content_is_no_damage(path: Path, size_bytes: int) -> None:
    """A crash of the machine leaves this when the first commit had not begun."""
    wal_of(path).write_bytes(bytes(size_bytes))
    assert plan(path, V1) == []


def test_a_mutated_log_is_refused_or_read_up_to_the_damage(path: Path) -> None:
    """The limit of what can be known: SQLite reads a log up to the first frame that is not whole.

    What was committed before is there, in order; nothing is made up, nothing is touched.
    """
    _leave_log(path)
    sound, file, chance = wal_of(path).read_bytes(), path.read_bytes(), random.Random(5)
    counts, refusals = set(), list[str]()
    for _ in range(200):
        damaged = bytearray(sound)
        if chance.random() < 0.3:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.choice((1, 16, 4096))] = b"\xa5"
        wal_of(path).write_bytes(damaged)
        wal_of(path).with_name("x.db-shm").unlink(missing_ok=True)
        try:
            plan(path, V1)
        except StorageRefused as error:
            refusals.append(str(error))
        else:
            copy = path.with_name("copy.db")
            copy.write_bytes(file)
            wal_of(copy).write_bytes(damaged)
            with closing(sqlite3.connect(copy)) as connection:
                late = [n for (n,) in connection.execute("SELECT n FROM t WHERE body = 'late'")]
            assert late == list(range(len(late)))
            counts.add(len(late))
        assert (path.read_bytes(), wal_of(path).read_bytes()) == (file, bytes(damaged))
    assert len(counts) > 5
    assert not any("\n" in refusal for refusal in refusals)


def test_a_look_that_takes_too_long_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(soundness, "QUICK_CHECK_S", -1.0)
    monkeypatch.setattr(soundness, "_STEPS_BETWEEN_LOOKS", 10)
    assert plan(path, V1) == []
    assert "not checked to its end" in caplog.text
