"""Run a command under strace(1), which makes the n-th of a system call fail, or kills there."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


def strace(report: Path, calls: str, fault: str) -> list[str]:
    """Return the command to run another under; skip where no process may be traced.

    ``calls`` are names of system calls; ``fault`` is, for example, ``error=EIO:when=3``. The count
    is of each thread by itself. The traced command stays the direct child.
    """
    if reason := _refusal():
        pytest.skip(reason)
    options = ["-f", "-D", "-qq", "-o", str(report)]
    if "signal=" not in fault:  # the fast way sends none
        options.append("--seccomp-bpf")
    return ["strace", *options, "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"]


def struck(report: Path) -> int:
    """Return how many calls were made to fail."""
    return report.read_text().count("(INJECTED)")


@cache
def _refusal() -> str | None:
    if shutil.which("strace") is None:
        return "strace is not here: no system call can be made to fail (apt-get install strace)"
    tried = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"no process may be traced here: {tried.stderr.strip()}" if tried.returncode else None
