"""Connections that send their heads, or their bodies, a byte at a time."""

import socket
import time
from collections import Counter

from tests.bench.modes.mode import Ask, Mode, Row, Tables, calls
from tests.bench.modes.sockets import connect, received, since_s, watching
from tests.bench.rig import Rig
from tests.raw_http import request

BYTE_EVERY_S = 1.0
QUIET_S = 2.0
_LONG = b"x" * 10_000


class Drip:
    """Connections of one kind; notes when each was cut, and with which answer."""

    def __init__(self, kind: str, port: int, count: int, whole: bytes, dripped: bytes) -> None:
        """Open them, send what comes at once, begin to drip the rest."""
        self._kind = kind
        self._count = count
        self._began_s = time.monotonic()
        self._open = [connect(port) for _ in range(count)]
        self._dripped = dripped
        self._sent = 0
        self._due_s = self._began_s
        self._cut_s: list[float] = []
        self._answers: Counter[str] = Counter()
        if whole:
            for connection in self._open:
                connection.send(whole)

    def look(self) -> None:
        """See who was cut; send the next byte when it is due."""
        self._open = [connection for connection in self._open if not self._is_cut(connection)]
        if time.monotonic() < self._due_s:
            return
        self._due_s += BYTE_EVERY_S
        byte = self._dripped[self._sent : self._sent + 1]
        self._sent += 1
        for connection in self._open:
            try:
                connection.send(byte)
            except ConnectionError:  # the next look notes it
                continue

    def _is_cut(self, connection: socket.socket) -> bool:
        data = received(connection)
        if data is None:
            return False
        self._answers[data[9:12].decode("latin-1") if data else "none"] += 1
        self._cut_s.append(since_s(self._began_s))
        connection.close()
        return True

    def close(self) -> None:
        """Close what is still open."""
        for connection in self._open:
            connection.close()

    def row(self) -> Row:
        """Return what came of them."""
        return {
            "a byte a second of": self._kind,
            "opened": self._count,
            "cut": len(self._cut_s),
            "first s": min(self._cut_s, default="-"),
            "last s": max(self._cut_s, default="-"),
            "answers": ", ".join(f"{what}: {n}" for what, n in sorted(self._answers.items())),
        }


def _drips(rig: Rig, size: int) -> list[Drip]:
    port, half = rig.daemon.address[1], size // 2
    head = request("POST /v1/chat/completions", f"x-slow: {_LONG.decode()}")
    authorization = f"authorization: {rig.key.headers['authorization']}"
    body = request("POST /v1/chat/completions", authorization, f"content-length: {len(_LONG)}")
    return [
        Drip("the head", port, size - half, b"", head),
        Drip("the body", port, half, body, b" " * len(_LONG)),
    ]


def _run(rig: Rig, ask: Ask) -> Tables:
    quiet = calls(rig, "quiet", min(QUIET_S, ask.seconds))
    drips = _drips(rig, ask.size)
    with watching(drips):
        meanwhile = calls(rig, "meanwhile", ask.seconds)
    for drip in drips:
        drip.close()
    return {"slow connections": [drip.row() for drip in drips], "calls": [quiet, meanwhile]}


MODE = Mode(
    "slowloris",
    "heads and bodies a byte a second: who is cut, and other calls meanwhile",
    sizes="connections, half of each kind",
    size=500,
    seconds=40.0,
    run=_run,
)
