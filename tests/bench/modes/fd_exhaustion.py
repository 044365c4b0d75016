"""More connections than the gateway may have open files: who is served, and whether it recovers."""

import socket
import sys
import time
from contextlib import suppress

from tests.bench import process
from tests.bench.modes.mode import Ask, Cell, Mode, Tables, calls
from tests.bench.modes.sockets import connect, since_s
from tests.bench.rig import Rig
from tests.bench.traffic import MODEL
from tests.daemon_process import wait_for

FILES = 256
"""What the gateway may have open."""
RECOVERY_S = 30.0
QUIET_S = 2.0
_LIMITED = (
    f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES})); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_UNDER = (sys.executable, "-c", _LIMITED)


def _statuses(rig: Rig, seconds: float) -> tuple[str, float]:
    """Call on the connection that the operator has open; return the statuses, the slowest in ms."""
    found: dict[str, int] = {}
    slowest_s, end_s = 0.0, time.monotonic() + seconds
    while time.monotonic() < end_s:
        began_s = time.monotonic()
        status = str(rig.daemon.chat(rig.key, MODEL).status_code)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        found[status] = found.get(status, 0) + 1
    return ", ".join(f"{status}: {n}" for status, n in found.items()), round(slowest_s * 1000, 1)


def _open(rig: Rig, count: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    with suppress(OSError):  # the backlog is full too
        while len(opened) < count:
            opened.append(connect(rig.daemon.address[1]))
    return opened


def _run(rig: Rig, ask: Ask) -> Tables:
    pid = rig.daemon.process.pid
    quiet = calls(rig, "quiet", min(QUIET_S, ask.seconds))
    rig.daemon.chat(rig.key, MODEL).raise_for_status()  # opens the operator's connection
    opened = _open(rig, ask.size)
    before_ns, began_ns = process.cpu_ns(pid), time.monotonic_ns()
    statuses, slowest_ms = _statuses(rig, ask.seconds)
    used = (process.cpu_ns(pid) - before_ns) / (time.monotonic_ns() - began_ns)
    row: dict[str, Cell] = {
        "may open": FILES,
        "connections": len(opened),
        "files open": process.open_files(pid),
        "a kept connection's calls": statuses,
        "slowest ms": slowest_ms,
        "CPU %": round(used * 100),
    }
    for connection in opened:
        connection.close()
    began_s = time.monotonic()
    wait_for(lambda: _is_served_anew(rig), "a new connection is served", within_s=RECOVERY_S)
    row["served again after s"] = since_s(began_s)
    row["log KB"] = round(len(rig.daemon.log) / 1000, 1)
    return {"no files left": [row], "calls": [quiet, calls(rig, "after", ask.seconds)]}


def _is_served_anew(rig: Rig) -> bool:
    with rig.daemon.client() as client, suppress(Exception):
        return client.get("/livez", timeout=1).status_code == 200
    return False


MODE = Mode(
    "fd-exhaustion",
    f"more connections than a gateway with {FILES} open files can have",
    sizes="connections",
    size=1_000,
    seconds=5.0,
    run=_run,
    under=_UNDER,
)
