"""What the system knows of a process: its memory, its processor time."""

import os
from pathlib import Path


def memory_bytes(pid: int, *, peak: bool = False) -> int:
    """Return how much of the memory is a process's own at the moment, or was at most."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    return int(line.split()[1]) * 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def reset_peak(pid: int) -> None:
    """Begin anew to look for the peak of the memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
