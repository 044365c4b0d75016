"""Thousands of open streams on which nothing happens: what each costs; other calls meanwhile."""

import socket
import time

from tests.bench import process, traffic
from tests.bench.modes.mode import Ask, Mode, Row, Tables, calls
from tests.bench.modes.sockets import (
    SPARE_FILES,
    connect,
    raise_limit,
    received,
    send_all,
    since_s,
    stream_request,
)
from tests.bench.rig import Rig
from tests.daemon_process import wait_for

QUIET_S = 2.0
OPENING = 64
"""Streams that are opened at once."""
PROVIDER = ", max_concurrent: 10000"
SETTINGS = "server: {stream_idle_timeout: 1h, overload_after: 1h}"
FIRST_EVENT_S = 10.0
LET_GO_S = 120.0


def _open(rig: Rig, count: int) -> list[socket.socket]:
    """Open streams and wait for the first event of each."""
    ask = stream_request(rig.key, traffic.HELD)
    opened: list[socket.socket] = []
    while len(opened) < count:
        batch = [connect(rig.daemon.address[1]) for _ in range(min(OPENING, count - len(opened)))]
        for connection in batch:
            send_all(connection, ask)
        for connection in batch:
            _await_event(connection)
        opened += batch
    return opened


def _await_event(connection: socket.socket) -> None:
    so_far = b""

    def has_come() -> bool:
        nonlocal so_far
        data = received(connection)
        if data == b"":
            msg = f"a stream ended instead of waiting: {so_far!r}"
            raise RuntimeError(msg)
        so_far += data or b""
        return b"data: " in so_far

    wait_for(has_come, "the first event of a stream", within_s=FIRST_EVENT_S)


def _idle_cpu(pid: int, seconds: float) -> float:
    """Return the part of a core that is used while nothing happens, in percent."""
    before_ns, began_ns = process.cpu_ns(pid), time.monotonic_ns()
    time.sleep(seconds)
    used_ns = process.cpu_ns(pid) - before_ns
    return round(used_ns / (time.monotonic_ns() - began_ns) * 100, 2)


def _run(rig: Rig, ask: Ask) -> Tables:
    # A stream is two connections of the gateway's.
    possible = min(ask.size, (raise_limit() - SPARE_FILES) // 2)
    pid = rig.daemon.process.pid
    quiet = calls(rig, "quiet", min(QUIET_S, ask.seconds))
    files, before_mb = process.open_files(pid), process.resident_mb(pid)
    began_s = time.monotonic()
    opened = _open(rig, possible)
    row: dict[str, str | int | float] = {
        "asked": ask.size,
        "open": possible,
        "opened in s": since_s(began_s),
        "KB each": round((process.resident_mb(pid) - before_mb) * 1000 / possible, 1),
        "idle CPU %": _idle_cpu(pid, ask.seconds),
    }
    meanwhile = calls(rig, "meanwhile", ask.seconds)
    began_s = time.monotonic()
    for connection in opened:
        connection.close()
    wait_for(lambda: process.open_files(pid) <= files + OPENING, "streams end", within_s=LET_GO_S)
    row["ended in s"] = since_s(began_s)
    tables: Tables = {"idle streams": [row], "calls": [quiet, meanwhile]}
    if possible < ask.size:
        tables["limit"] = [_limit(ask.size)]
    return tables


def _limit(wanted: int) -> Row:
    why = (
        f"This machine allows a process {raise_limit():,} open files (RLIMIT_NOFILE, hard), and "
        f"{wanted:,} streams need {2 * wanted + SPARE_FILES:,}"
    )
    return {"why fewer": why}


MODE = Mode(
    "idle-streams",
    "open streams that are idle: memory of each, CPU when idle, other calls meanwhile",
    sizes="streams",
    size=9_000,
    seconds=5.0,
    run=_run,
    provider=PROVIDER,
    settings=SETTINGS,
)
