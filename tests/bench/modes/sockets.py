"""Many raw connections to the gateway, held by this process; what it needs to hold them."""

import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from tests.bench import traffic
from tests.bench.rig import Rig
from tests.daemon_process import Key

SPARE_FILES = 200
"""Files and connections of a process beside those that a mode counts."""


class Watched(Protocol):
    """Something that must be looked at again and again."""

    def look(self) -> None:
        """Do what is due; returns soon."""


@contextmanager
def watching(watched: Sequence[Watched], pause_s: float = 0.05) -> Iterator[None]:
    """Look after things in a thread while the body runs."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(pause_s):
            for one in watched:
                one.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def raise_limit() -> int:
    """Allow this process, and those that it starts, as many open files as the system lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # more than the kernel allows
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connect(port: int, *, receive_bytes: int = 0) -> socket.socket:
    """Open a connection whose reads do not block; ``receive_bytes`` is its buffer, 0 as usual."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_bytes:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    opened.connect(("127.0.0.1", port))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.settimeout(0)
    return opened


def send_all(to: socket.socket, data: bytes) -> None:
    """Send a small request as a whole."""
    to.settimeout(10)
    to.sendall(data)
    to.settimeout(0)


def received(of: socket.socket) -> bytes | None:
    """Return what has come; None when nothing has; empty when the other side has ended."""
    try:
        return of.recv(1 << 16)
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def stream_request(key: Key, marker: bytes) -> bytes:
    """Write the request of a stream that the mock serves as the marker says."""
    return traffic.http_request(traffic.chat_body(stream=True, marker=marker), key.headers)


def usage_of(rig: Rig) -> tuple[int, float]:
    """Return the calls of the rig's key that are written down, and their cost in dollars."""
    query = {"key": rig.key.id, "group_by": "provider"}
    answer = rig.daemon.admin.get("/-/usage", params=query)
    answer.raise_for_status()
    rows = answer.json()["data"]
    return sum(row["requests"] for row in rows), sum(row["cost"] or 0 for row in rows)


def held_usd(rig: Rig) -> float:
    """Return what is held for calls of the rig's key that still run."""
    answer = rig.daemon.admin.get(f"/-/keys/{rig.key.id}")
    answer.raise_for_status()
    return float(answer.json()["credit_held"])


def since_s(began_s: float) -> float:
    """Return the seconds since a time of the monotonic clock, rounded for a table."""
    return round(time.monotonic() - began_s, 2)
