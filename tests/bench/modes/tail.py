"""One ``prismctl tail`` beside calls at a fixed rate: what it adds to the gateway's CPU per call.

Each pair is the same load four times: without the viewer, with it twice, without it again; every
other pair the other way round. A shared machine changes its speed all the time, and what changes
steadily falls out.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench import process
from tests.bench.generator import Load
from tests.bench.modes.mode import Ask, Mode, Row, Tables
from tests.bench.rig import Rig
from tests.daemon_process import ROOT, wait_for

RATE_PER_S = 1_000.0
CONNECTIONS = 64
STARTS_WITHIN_S = 20.0
_TAIL = (sys.executable, "-m", "prismctl", "tail", "-o", "json")


class Tail:
    """The program as a person runs it, its lines in a file."""

    def __init__(self, rig: Rig) -> None:
        self._lines = rig.folder / "tail.jsonl"
        env = {"PRISMCTL_URL": rig.daemon.url, "PRISMCTL_TOKEN": rig.daemon.admin_token}
        env |= {"PRISMCTL_CONFIG_DIR": str(rig.folder / "prismctl"), "PYTHONPATH": str(ROOT)}
        with self._lines.open("wb") as out, process.on_core(process.LOAD_CORE):
            self.process = subprocess.Popen(
                _TAIL, stdin=subprocess.DEVNULL, stdout=out, env={**os.environ, **env}
            )

    @property
    def line_count(self) -> int:
        return self._lines.read_bytes().count(b"\n")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def _watching(rig: Rig) -> Iterator[Tail]:
    """Run a viewer; it is there when the block begins, and gone after it."""
    tail = Tail(rig)
    try:
        wait_for(lambda: _viewers(rig) == 1, "prismctl tail watches", within_s=STARTS_WITHIN_S)
        yield tail
    finally:
        tail.close()
    wait_for(lambda: _viewers(rig) == 0, "prismctl tail is gone", within_s=STARTS_WITHIN_S)


def _viewers(rig: Rig) -> int:
    page = rig.daemon.admin.get("/-/metrics").text
    (line,) = (line for line in page.splitlines() if line.startswith("prism_event_viewers "))
    return int(float(line.split()[1]))


def _cpu_us(rig: Rig, seconds: float) -> float:
    target = rig.gateway
    before_ns = process.cpu_ns(target.pid)
    result = target.load(Load(0, CONNECTIONS, seconds, rate_per_s=RATE_PER_S))
    return (process.cpu_ns(target.pid) - before_ns) / result.answers / 1000


def _pair(rig: Rig, number: int, seconds: float) -> Row:
    lines = 0

    def watched_us(times: int) -> float:
        nonlocal lines
        with _watching(rig) as tail:
            used_us = sum(_cpu_us(rig, seconds) for _ in range(times))
            lines += tail.line_count
        return used_us

    if number % 2:
        before_us, both_us = _cpu_us(rig, seconds), watched_us(2)
        alone_us = (before_us + _cpu_us(rig, seconds)) / 2
    else:
        first_us = watched_us(1)
        alone_us = (_cpu_us(rig, seconds) + _cpu_us(rig, seconds)) / 2
        both_us = first_us + watched_us(1)
    mean_us = both_us / 2
    return {
        "pair": number,
        "alone µs": round(alone_us, 1),
        "watched µs": round(mean_us, 1),
        "ratio": round(mean_us / alone_us, 4),
        "lines": lines,
    }


def _run(rig: Rig, ask: Ask) -> Tables:
    _cpu_us(rig, min(1.0, ask.seconds))
    pairs = [_pair(rig, number, ask.seconds) for number in range(1, ask.size + 1)]
    medians: Row = {
        name: round(statistics.median(float(pair[name]) for pair in pairs), 4)
        for name in ("alone µs", "watched µs", "ratio", "lines")
    }
    return {"CPU per call, alone and with a viewer": pairs, "median": [medians]}


MODE = Mode(
    "tail",
    "one prismctl tail at 1,000 calls/s: what it adds to the CPU per call, in pairs",
    sizes="pairs",
    size=10,
    seconds=2.0,
    run=_run,
)
