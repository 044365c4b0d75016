"""Streams whose readers stop reading: when they are cut, that they are billed, what they hold."""

from contextlib import suppress

from tests.bench import process, traffic
from tests.bench.modes.mode import Ask, Mode, Tables, calls
from tests.bench.modes.sockets import (
    connect,
    held_usd,
    send_all,
    stream_request,
    usage_of,
    watching,
)
from tests.bench.rig import Rig
from tests.daemon_process import wait_for

QUIET_S = 2.0
BUFFER_BYTES = 4096
SETTLED_WITHIN_S = 30.0


class Readers:
    """Connections that asked for a long stream and read nothing of it."""

    def __init__(self, rig: Rig, count: int) -> None:
        """Open them and ask."""
        ask = stream_request(rig.key, traffic.FLOOD)
        self._pid = rig.daemon.process.pid
        self._before_mb = process.resident_mb(self._pid)
        self._most_mb = self._before_mb
        self.open = [
            connect(rig.daemon.address[1], receive_bytes=BUFFER_BYTES) for _ in range(count)
        ]
        self.count = count
        for connection in self.open:
            send_all(connection, ask)

    def look(self) -> None:
        """See what memory is used."""
        self._most_mb = max(self._most_mb, process.resident_mb(self._pid))

    @property
    def kb_each(self) -> float:
        """Resident memory at its most, above what it was, per stream."""
        return round((self._most_mb - self._before_mb) * 1000 / self.count, 1)


def _run(rig: Rig, ask: Ask) -> Tables:
    quiet = calls(rig, "quiet", min(QUIET_S, ask.seconds))
    before, cost_before = usage_of(rig)
    readers = Readers(rig, ask.size)
    with watching([readers]):
        meanwhile = calls(rig, "meanwhile", ask.seconds)
    # Who reads nothing cannot see that it was cut; the books can.
    cut = usage_of(rig)[0] - before - int(meanwhile["answers"])
    for connection in readers.open:
        connection.close()
    with suppress(AssertionError):  # what is held then is in the table
        wait_for(lambda: not held_usd(rig), "all is settled", within_s=SETTLED_WITHIN_S)
    count, cost = usage_of(rig)
    row = {
        "streams": ask.size,
        "cut meanwhile": cut,
        "billed": count - before - int(meanwhile["answers"]),
        "usd of all calls": round(cost - cost_before, 6),
        "usd held": held_usd(rig),
        "KB each": readers.kb_each,
    }
    return {"slow readers": [row], "calls": [quiet, meanwhile]}


MODE = Mode(
    "slow-readers",
    "streams whose readers stop: when they are cut, billed, memory, other calls meanwhile",
    sizes="streams",
    size=100,
    seconds=130.0,
    run=_run,
)
