"""What the daemon will not open, and what it does when another program holds its database."""

import hashlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from prismd.store.migrate import migrate, shipped
from tests.conftest import StartDaemon
from tests.daemon_process import PRISMD, wait_for

FAKE = "providers:\n  fake: {type: fake}\n"
STORAGE_REFUSED = 3
LOCK_WAIT_S = 5.0
"""How long the writer waits for another program."""


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with databases that were closed well."""
    data_dir = tmp_path_factory.mktemp("closed") / "data"
    subprocess.run([*PRISMD, "init", "--data-dir", data_dir], capture_output=True, check=True)
    for name in ("state", "traffic"):
        migrate(data_dir / f"{name}.db", shipped(name))
    return data_dir


def _sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def _private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _garbage(data_dir: Path) -> None:
    (data_dir / "state.db").write_bytes(b"hello, I am a text\n" * 500)


def _cut(data_dir: Path) -> None:
    content = (data_dir / "state.db").read_bytes()
    (data_dir / "state.db").write_bytes(content[: len(content) // 2])


def _foreign(data_dir: Path) -> None:
    (data_dir / "state.db").unlink()
    _sql(data_dir / "state.db", "CREATE TABLE t (n)")
    (data_dir / "state.db").chmod(0o600)


def _newer(data_dir: Path) -> None:
    _sql(data_dir / "state.db", "INSERT INTO schema_migrations VALUES (999, '0999_x', 'x')")


def _linked(data_dir: Path) -> None:
    (data_dir / "state.db").rename(data_dir / "elsewhere.db")
    (data_dir / "state.db").symlink_to(data_dir / "elsewhere.db")


def _only_the_log(data_dir: Path) -> None:
    (data_dir / "state.db").unlink()
    _private(data_dir / "state.db-wal", b"\x37\x7f\x06\x82" * 1000)


def _log_overwritten(data_dir: Path) -> None:
    _private(data_dir / "state.db-wal", bytes(8192))


def _traces_garbage(data_dir: Path) -> None:
    (data_dir / "traffic.db").write_bytes(b"hello, I am a text\n" * 500)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_garbage, "state.db cannot be read as a database"),
        (_cut, "state.db"),
        (_foreign, "another program"),
        (_newer, "newer version"),
        (_linked, "symbolic link"),
        (_only_the_log, "is missing but its log"),
        (_log_overwritten, "state.db-wal is damaged"),
        (_traces_garbage, "traffic.db"),
    ],
)
def test_it_is_refused_in_one_line_and_stays_as_it_is(
    tmp_path: Path, closed: Path, spoil: Callable[[Path], None], words: str
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(closed, data_dir)
    spoil(data_dir)
    before = _hashes(data_dir)
    ended = subprocess.run(
        [*PRISMD, "serve", "--data-dir", str(data_dir), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert ended.returncode == STORAGE_REFUSED
    (line,) = [one for one in ended.stderr.splitlines() if one.startswith("prismd: ")]
    assert words in line
    assert "Traceback" not in ended.stderr
    assert _hashes(data_dir) == before


def _hashes(data_dir: Path) -> dict[str, str]:
    """Digest of each database and log that is there."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in data_dir.iterdir()
        if ".db" in path.name and not path.name.endswith("-shm")
    }


def test_a_foreign_lock_is_waited_for_then_told_and_healed(start: StartDaemon) -> None:
    daemon = start(FAKE)
    key = daemon.create_key()
    with (
        closing(sqlite3.connect(daemon.data_dir / "state.db", isolation_level=None)) as foreign,
        httpx2.Client(base_url=daemon.url, timeout=30, trust_env=False) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        foreign.execute("BEGIN IMMEDIATE")
        began_s = time.monotonic()
        body = {"model": "fake/echo", "messages": [{"role": "user", "content": "x"}]}
        call = pool.submit(client.post, "/v1/chat/completions", json=body, headers=key.headers)
        # Nothing that only reads waits for the writer.
        assert daemon.admin.get("/readyz").status_code == 200
        assert daemon.admin.get("/-/keys").status_code == 200
        refused = call.result()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_locked")
        assert LOCK_WAIT_S - 1 < time.monotonic() - began_s < 3 * LOCK_WAIT_S
        foreign.execute("ROLLBACK")
    assert daemon.create_key("after").secret
    assert daemon.chat(key).status_code == 200
    # The call that was refused had an answer: it is written down as soon as that can be.
    wait_for(
        lambda: daemon.admin.get("/-/usage").json()["totals"]["requests"] == 2,
        "both calls are in the books",
        within_s=10,
    )
