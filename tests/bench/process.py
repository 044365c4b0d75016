"""Processes of the benchmark: on which core they run, what they have used.

CPU time is that of the whole process tree, in nanoseconds from ``schedstat`` where the kernel has
it, else from ``stat`` (clock ticks, mostly 10 ms).
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from tests.bench.generator import Load, Result
from tests.daemon_process import ROOT, wait_for

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_cores = sorted(os.sched_getaffinity(0))
IS_PINNED = len(_cores) > 1
TARGET_CORE, LOAD_CORE = _cores[0], _cores[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes on one core: a child inherits where its parent may run."""
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, _cores)


def python(module: str, *arguments: str, core: int = LOAD_CORE) -> subprocess.Popen[str]:
    """Start a module of ours on a core, its stdin and stdout in our hands."""
    with on_core(core):
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )


def generate(load: Load) -> Result:
    """Run a load in a process of its own."""
    process = python("tests.bench.generator")
    out, _ = process.communicate(json.dumps(asdict(load)))
    if process.returncode != 0:
        msg = f"the generator ended with {process.returncode}"
        raise RuntimeError(msg)
    return Result(**json.loads(out))


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that keeps no state."""
    process.kill()
    process.communicate()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until a process listens."""

    def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    wait_for(listens, f"a listener on port {port}", within_s=10)


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def cpu_ns(pid: int) -> int:
    """Return the CPU time of a process tree so far, user and system."""
    return sum(_cpu_ns(each) for each in tree(pid))


def _cpu_ns(pid: int) -> int:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        exact = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    except OSError:
        exact = 0
    return exact or _stat_ns(pid)


def _stat_ns(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_NS


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process tree."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid))
    return pages * _PAGE_BYTES / 1e6


def open_files(pid: int) -> int:
    """Return how many files and connections a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def run_s(command: Sequence[str], env: dict[str, str]) -> float:
    """Return how long a command takes from start to end, in seconds; it has to succeed."""
    began = time.perf_counter()
    subprocess.run(command, env={**os.environ, **env}, capture_output=True, check=True)
    return time.perf_counter() - began
