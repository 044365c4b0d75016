"""The n-th write or fsync of a daemon fails: a clean error or exit, no false acknowledgement.

``--deep`` fails each of the first 200. Otherwise a few: what a daemon makes of a fault is the same
for all, and ``tests/prismd/store/test_faults.py`` has the writer meet every one of the first ten.
"""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from prismd.store.migrate import migrate, plan, shipped
from tests.daemon_process import PRISMD, Daemon, Ended, Key, start_daemon, stop_daemon, wait_for
from tests.strace import strace, struck

FAKE = "providers:\n  fake: {type: fake}\n"
STORAGE_REFUSED = 3
WRITES_AFTER = 5
"""How many more than n are tried: each makes at least one system call of the kind."""
WRITES_OF_A_START = 20
"""More than any thread makes before the daemon listens: a start on a full disk is refused."""

pytestmark = pytest.mark.timeout(120)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "nth" in metafunc.fixturenames:
        is_deep = metafunc.config.getoption("--deep")
        metafunc.parametrize("nth", range(1, 201) if is_deep else (1, 2, 4))


@dataclass
class Promises:
    """What the daemon has acknowledged."""

    keys: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Used:
    """A data directory that was used and closed well, and the key that was made in it."""

    folder: Path
    key: Key


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    folder = tmp_path_factory.mktemp("used")
    running = start_daemon(folder, FAKE)
    key = running.create_key()
    assert stop_daemon(running) == 0
    return Used(folder, key)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory without databases."""
    data_dir = tmp_path_factory.mktemp("fresh") / "data"
    subprocess.run([*PRISMD, "init", "--data-dir", data_dir], capture_output=True, check=True)
    return data_dir


@pytest.fixture
def folder(tmp_path: Path, used: Used) -> Iterator[Path]:
    """A copy of it, for one test."""
    copy = tmp_path / "copy"
    shutil.copytree(used.folder, copy)
    yield copy
    shutil.rmtree(copy)


def _use(daemon: Daemon, key: Key, times: int) -> Promises:
    """Make keys and calls, one after the other, until the daemon is gone; note what it promised."""
    promised = Promises()
    try:
        for number in range(times):
            made = daemon.admin.post("/-/keys", json={"name": f"k{number}"})
            if made.status_code == 201:
                promised.keys.add(made.json()["id"])
            called = daemon.chat(key)
            if called.status_code == 200:
                promised.calls.add(called.headers["x-request-id"])
            for answer in (made, called):
                assert answer.status_code < 500 or answer.json()["error"]["code"] in (
                    "storage_failed",
                    "storage_full",
                    "shutting_down",
                ), answer.text
    except httpx2.TransportError:
        pass  # it ended
    return promised


def _check(data_dir: Path, promised: Promises) -> None:
    """Hold what is on the disk against what was promised."""
    assert plan(data_dir / "state.db", shipped("state")) == [], "the next start takes it"
    with closing(sqlite3.connect(data_dir / "state.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        keys = {id_ for (id_,) in connection.execute("SELECT id FROM keys")}
        calls = {id_ for (id_,) in connection.execute("SELECT request_id FROM usage")}
    assert promised.keys <= keys
    assert promised.calls <= calls


@pytest.mark.parametrize("calls", ["fsync,fdatasync", "pwrite64"])
def test_the_nth_fails_for_good(folder: Path, used: Used, calls: str, nth: int) -> None:
    report = folder / "strace"
    under = strace(report, calls, f"error=EIO:when={nth}")
    try:
        daemon = start_daemon(folder, FAKE, under=under)
    except Ended as ended:
        code, log, promised = ended.code, ended.log, Promises()
    else:
        promised = _use(daemon, used.key, nth + WRITES_AFTER)
        code, log = stop_daemon(daemon), daemon.log
    assert code in (0, STORAGE_REFUSED), "0 if only traces were hit"
    assert struck(report) > 0
    assert "Traceback" not in log, log
    _check(folder / "data", promised)


def test_each_seventh_write_finds_no_room_and_the_daemon_goes_on(folder: Path, used: Used) -> None:
    report = folder / "strace"
    under = strace(report, "pwrite64", f"error=ENOSPC:when={WRITES_OF_A_START}+7")
    daemon = start_daemon(folder, FAKE, under=under)
    promised = _use(daemon, used.key, 60)
    wait_for(lambda: daemon.admin.get("/readyz").status_code == 200, "ready again", within_s=5)
    assert promised.keys
    assert stop_daemon(daemon) == 0
    assert struck(report) > 3
    assert "Traceback" not in daemon.log
    _check(folder / "data", promised)


def test_a_failed_disk_ends_the_daemon_and_the_next_goes_on(folder: Path, used: Used) -> None:
    under = strace(folder / "strace", "fsync,fdatasync", "error=EIO:when=3")
    daemon = start_daemon(folder, FAKE, under=under)
    promised = _use(daemon, used.key, 10_000)
    assert daemon.process.wait(timeout=5) == STORAGE_REFUSED
    assert "the disk has failed" in daemon.log.splitlines()[-1]
    daemon.admin.close()
    again = start_daemon(folder, FAKE)
    listed = {one["id"] for one in again.admin.get("/-/keys").json()["data"]}
    assert promised.keys <= listed
    assert again.chat(used.key).status_code == 200
    assert stop_daemon(again) == 0


@pytest.mark.parametrize(
    ("calls", "error"), [("fsync,fdatasync", "EIO"), ("pwrite64", "ENOSPC")], ids=["fsync", "write"]
)
def test_the_first_start_fails_in_one_line_and_the_next_begins_anew(
    tmp_path: Path, fresh: Path, calls: str, error: str, nth: int
) -> None:
    data_dir, report = tmp_path / "data", tmp_path / "strace"
    shutil.copytree(fresh, data_dir)
    ended = subprocess.run(
        [
            *strace(report, calls, f"error={error}:when={nth}"),
            *(*PRISMD, "migrate", "--data-dir", str(data_dir)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if struck(report) == 0:
        assert ended.returncode == 0, "fewer than n: it is done"
    elif ended.returncode == 0:
        # SQLite forces the name of its rollback journal to the disk, too, and does not insist: what
        # is made here has no name of its own yet, and is forced to the disk before it gets one.
        assert calls.startswith("fsync")
    else:
        assert ended.returncode == STORAGE_REFUSED
        assert len(ended.stderr.splitlines()) == 1
    for name in ("state", "traffic"):
        migrate(data_dir / f"{name}.db", shipped(name))
    _check(data_dir, Promises())
