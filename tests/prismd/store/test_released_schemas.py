"""Every schema that was ever released becomes today's, also when the upgrade is killed on the way.

``--deep`` kills at every one of the first 200 writes instead of at each seventh.
"""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismd.store.datadir import DataDir
from prismd.store.migrate import migrate, shipped
from tests.daemon_process import ROOT
from tests.strace import strace

RELEASED = {
    "0001_keys": "abfb15e3dcf48c4253654d75fd322bd4dc409fd7e13f9034639203ccdbbbe212",
    "0002_usage": "f11e722dd3989bd3f4c1488b24e068f7dc08090797fed45baa3d176179b19780",
    "0003_audit": "b5297f708941be96e7fe6141051394ab9a259ec6b47e186dc515ff64c65dc1f6",
}
"""Steps that databases out there have taken: their files never change again."""

KEYS = 50

_MIGRATE = """
import sys
from pathlib import Path
from prismd.store.migrate import migrate, shipped
migrate(Path(sys.argv[1]), shipped("state"))
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "nth" in metafunc.fixturenames:
        is_deep = metafunc.config.getoption("--deep")
        metafunc.parametrize("nth", range(1, 201) if is_deep else range(1, 140, 7))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The schema after each step."""
    folder, steps = tmp_path_factory.mktemp("known"), shipped("state")
    paths = [folder / f"{step.name}.db" for step in steps]
    for number, path in enumerate(paths, 1):
        migrate(path, steps[:number])
    return [_schema(path) for path in paths]


def test_the_files_of_released_steps_are_as_they_were_released() -> None:
    found = {step.name: step.checksum for step in shipped("state")}
    assert {name: found[name] for name in RELEASED} == RELEASED


@pytest.mark.parametrize("steps", range(1, len(RELEASED) + 1))
def test_each_released_schema_becomes_todays_and_keeps_its_rows(
    data_dir: DataDir, steps: int
) -> None:
    _make(data_dir.state_db, steps)
    assert migrate(data_dir.state_db, shipped("state")) == shipped("state")[steps:]
    _check_rows(data_dir.state_db, steps)


def test_an_upgrade_killed_at_the_nth_write_leaves_one_schema_or_the_next(
    data_dir: DataDir, tmp_path: Path, known: list[object], nth: int
) -> None:
    _make(data_dir.state_db, 1)
    report = tmp_path / "strace"
    ended = subprocess.run(
        [
            *strace(report, "pwrite64,fsync,fdatasync,unlink", f"signal=KILL:when={nth}"),
            *(sys.executable, "-c", _MIGRATE, str(data_dir.state_db)),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    is_killed = ended.returncode != 0
    assert is_killed or nth > 100, "the upgrade is longer than that"
    assert _schema(data_dir.state_db) in known, "never between"
    migrate(data_dir.state_db, shipped("state"))
    assert _schema(data_dir.state_db) == known[-1]
    _check_rows(data_dir.state_db, 1)


def _make(path: Path, steps: int) -> None:
    """Make a database as a released version had it, with rows."""
    migrate(path, shipped("state")[:steps])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executemany(
            "INSERT INTO keys (id, digest, prefix, name, status, key_type, metadata,"
            " credits_nano_usd, budgets, created_at_s, updated_at_s, version)"
            " VALUES (?, ?, 'sk-prism-ab', 'k', 'active', 'managed', '{}', ?, ?, 1, 1, 1)",
            [(f"key_{n}", n.to_bytes(32, "big"), n * 10**9, json.dumps([])) for n in range(KEYS)],
        )
        if steps > 1:
            connection.executemany(
                "INSERT INTO usage VALUES (?, 1, ?, NULL, NULL, 'chat', 'm', 'p', 'm', 200, NULL,"
                " 0, 1, 0, 10, 0, 5, 0, ?, 'config', 1.0, NULL, 1)",
                [(f"req_{n}", f"key_{n}", n) for n in range(KEYS)],
            )
        if steps > 2:
            connection.execute(
                "INSERT INTO audit VALUES (1, 1, 'admin', NULL, NULL, 'key.created', 'key_1',"
                " '{}', zeroblob(32))"
            )
        connection.commit()


def _check_rows(path: Path, steps: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (KEYS,)
        granted = "SELECT sum(posted_nano_usd) FROM accounts WHERE kind = 'credit'"
        assert connection.execute(granted).fetchone() == (sum(range(KEYS)) * 10**9,)
        usage = connection.execute("SELECT count(*), sum(cost_nano_usd) FROM usage").fetchone()
        assert usage == ((KEYS, sum(range(KEYS))) if steps > 1 else (0, None))
        audit = connection.execute("SELECT count(*) FROM audit").fetchone()
        assert audit == (1 if steps > 2 else 0,)


def _schema(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
        return list(rows)
