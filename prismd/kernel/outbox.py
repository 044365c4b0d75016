"""What is written to sockets in one turn of the event loop, written one after the other.

A write costs half as much right behind another one: the code is at hand, and whoever receives is
awake. So the first of a turn leaves at once, and what follows waits for the end of the turn. Under
load a turn has dozens of writes; a lone call waits for nothing.

Invariant: the writes of one transport leave in their order, if all of them come through here, or
``flush`` is called before one that does not. What was to go to a transport that is closed by then
is dropped. A transport that fails is cut, and keeps no other from its bytes.
"""

import asyncio
import logging
from typing import cast

log = logging.getLogger("prism.outbox")

_FAILED = "a connection is cut: it failed to take what was written"


class Outbox:
    """The writes of one event loop."""

    __slots__ = ("_is_turn_open", "_writes", "flushed", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to a loop."""
        self.flushed = 0
        """How often everything has left."""
        self.loop = loop
        self._writes: list[tuple[asyncio.WriteTransport, bytes]] = []
        self._is_turn_open = False

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> int:
        """Write at the end of this turn, or now; return what ``flushed`` is when it has left."""
        if self._is_turn_open:
            self._writes.append((transport, data))
            return self.flushed + 1
        self._is_turn_open = True
        self.loop.call_soon(self._end_turn)
        try:
            transport.write(data)
        except Exception:
            log.exception(_FAILED)
            transport.abort()
        return self.flushed

    def flush(self) -> None:
        """Write now what waits."""
        if self._writes:
            writes, self._writes = self._writes, []
            self.flushed += 1
            for transport, data in writes:
                if not transport.is_closing():
                    try:
                        transport.write(data)
                    except Exception:
                        log.exception(_FAILED)
                        transport.abort()

    def _end_turn(self) -> None:
        self._is_turn_open = False
        self.flush()


_latest = Outbox(cast("asyncio.AbstractEventLoop", None))


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the outbox of a loop; that of the one seen last is kept: a process has one."""
    global _latest  # noqa: PLW0603
    if _latest.loop is not loop:
        _latest = Outbox(loop)
    return _latest
