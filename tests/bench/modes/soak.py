"""Calls and calls: whether memory, files or latency grow, and whether the ledger is sound."""

import time

from tests.bench import process
from tests.bench.generator import Load
from tests.bench.modes.mode import Ask, Cell, Mode, Tables
from tests.bench.modes.sockets import held_usd, usage_of
from tests.bench.rig import Rig
from tests.daemon_process import wait_for

CONNECTIONS = 64
SETTLED_WITHIN_S = 30.0
VERIFY_S = 600.0


def _interval(rig: Rig, seconds: float, so_far: int) -> dict[str, Cell]:
    pid, target = rig.daemon.process.pid, rig.targets[0]
    before_ns = process.cpu_ns(pid)
    result = target.load(Load(0, CONNECTIONS, seconds))
    used_ns = process.cpu_ns(pid) - before_ns
    return {
        "calls so far": so_far + result.answers,
        "per s": round(result.rate_per_s),
        "CPU µs": round(used_ns / result.answers / 1000),
        "p50 ms": round(result.p50_ms, 1),
        "p99 ms": round(result.p99_ms, 1),
        "MB": round(process.resident_mb(pid), 1),
        "files": process.open_files(pid),
        "threads": process.threads(pid),
    }


def _books(rig: Rig, made: int) -> dict[str, Cell]:
    wait_for(lambda: not held_usd(rig), "all is settled", within_s=SETTLED_WITHIN_S)
    began_s = time.monotonic()
    answer = rig.daemon.admin.post("/-/ledger/verify", timeout=VERIFY_S)
    answer.raise_for_status()
    count, cost = usage_of(rig)
    return {
        "calls made": made,
        "written down": count,
        "usd": round(cost, 6),
        "sound": "yes" if answer.json()["is_sound"] else "NO",
        "verified in s": round(time.monotonic() - began_s, 1),
    }


def _run(rig: Rig, ask: Ask) -> Tables:
    warm_up, _ = usage_of(rig)
    rows: list[dict[str, Cell]] = []
    made = 0
    while made < ask.size:
        rows.append(_interval(rig, ask.seconds, made))
        made = int(rows[-1]["calls so far"])
    return {"soak": rows, "books": [_books(rig, made + warm_up)]}


MODE = Mode(
    "soak",
    "calls without end: memory, files, threads, p99 at intervals; the ledger is verified",
    sizes="calls (--calls)",
    size=1_000_000,
    seconds=30.0,
    run=_run,
)
