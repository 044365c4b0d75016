"""Who listens on a TCP port of this machine (Linux ``/proc``; elsewhere nobody is named)."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens."""

    pid: int
    name: str


def is_free(host: str, port: int) -> bool:
    """Say whether we could listen there. A port that may not be taken at all is not free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the daemon does: a connection that is still closing does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def any_free(host: str) -> int:
    """Return a port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def listener(port: int) -> Listener | None:
    """Return who listens on a port, if that can be seen: own processes always, others as root."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _inodes(_PROC / "net" / table, port)}
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in _PROC.glob("[0-9]*"):
        if wanted.intersection(_open_files(process)):
            return Listener(int(process.name), _name(process))
    return None


def _inodes(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        columns = line.split()
        local_port = int(columns[1].rpartition(":")[2], 16)
        if local_port == port and columns[3] == _LISTEN:
            yield columns[9]


def _open_files(process: Path) -> set[str]:
    found: set[str] = set()
    try:
        for entry in (process / "fd").iterdir():
            found.add(str(entry.readlink()))
    except OSError:
        # Another user's process, or one that ended meanwhile.
        return found
    return found


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a process that just ended"
