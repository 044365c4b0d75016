"""A full disk: said in words, running calls end and are recorded, and room heals it by itself."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from prismd.store.ballast import BALLAST_BYTES
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for

FAKE = "providers:\n  fake: {type: fake}\n"
SLOW = "fake/lorem+rate=20+tokens=40"
RUNNING = 20
"""Calls that have begun when the disk fills up."""

# $0 is the data directory: a disk of its own, 8 MiB large, with what `prismd init` has made.
_ON_A_SMALL_DISK = (
    'cp -a "$0" "$0.seed" && mount -t tmpfs -o size=8m,mode=700 tmpfs "$0"'
    ' && cp -a "$0.seed/." "$0" && rm -r "$0.seed" && exec "$@"'
)


def _own_mounts() -> list[str]:
    """Return the command that runs another with mounts of its own; skip where that is refused."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare(1) is not here, and a small disk cannot be mounted without it")
    command = ["unshare", "--mount"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    mounts = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    tried = subprocess.run(mounts, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.strip()}")
    return command


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose data directory is a disk of 8 MiB."""
    under = [*_own_mounts(), "sh", "-c", _ON_A_SMALL_DISK, str(tmp_path / "data")]
    running = start_daemon(tmp_path, FAKE, under=under)
    yield running
    if running.process.poll() is None:
        stop_daemon(running)


def _seen_from_here(daemon: Daemon) -> Path:
    """Return the data directory as the daemon sees it."""
    return Path(f"/proc/{daemon.process.pid}/root{daemon.data_dir}")


def _fill_disk(daemon: Daemon) -> Path:
    filler = _seen_from_here(daemon) / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


def _call_until_refused(daemon: Daemon, key: Key) -> tuple[int, httpx2.Response]:
    """Make calls until one fails; return how many were answered, and the refusal."""
    for answered in range(3_000):
        answer = daemon.chat(key, text="x" * 2_000)
        if answer.status_code != 200:
            return answered, answer
    raise AssertionError("a full disk refused nothing")


def test_a_full_disk_is_said_running_calls_settle_and_room_heals_it(small: Daemon) -> None:
    key = small.create_key()
    ballast = _seen_from_here(small) / "ballast"
    assert ballast.stat().st_blocks * 512 >= BALLAST_BYTES, "space that is really taken"
    with ThreadPoolExecutor(RUNNING) as pool:
        running = [pool.submit(small.chat, key, SLOW, stream=True) for _ in range(RUNNING)]
        wait_for(
            lambda: f"prism_running_requests {RUNNING}.0" in small.admin.get("/-/metrics").text,
            "every call runs",
        )
        filler = _fill_disk(small)
        answered, refused = _call_until_refused(small, key)
        assert not any(call.done() for call in running), "the disk was full before they ended"
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_full")
        assert "Free some space" in refused.json()["error"]["message"]
        ready = small.admin.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]) == (503, ["storage_full"])
        assert small.admin.get("/livez").status_code == 200
        assert ballast.stat().st_size == 0
        assert all(call.result().text.endswith("data: [DONE]\n\n") for call in running)
    answered += RUNNING
    assert small.admin.get("/-/usage").json()["totals"]["requests"] == answered
    revoked = small.admin.delete(f"/-/keys/{key.id}")
    assert revoked.status_code in (200, 204), "an operator may still act"
    filler.unlink()
    wait_for(lambda: small.admin.get("/readyz").status_code == 200, "ready again", within_s=5)
    assert ballast.stat().st_size == BALLAST_BYTES
    assert small.chat(small.create_key("another")).status_code == 200
    assert small.admin.get("/-/usage").json()["totals"]["requests"] == answered + 1
    assert "Traceback" not in small.log
    database = _seen_from_here(small) / "state.db"
    copy = shutil.copytree(database.parent, small.data_dir.parent / "copy") / "state.db"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (answered + 1,)
    assert stop_daemon(small) == 0
