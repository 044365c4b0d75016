"""What all connections share: strangers, the load, how long a client may take nothing.

A stranger is a connection on which no request has shown a valid key yet. They cost no more than
their places: who comes when all are taken is told so and sent away, before anything is read.
"""

import logging
from dataclasses import dataclass, field

from prismd.kernel import clock
from prismd.kernel.errors import Overloaded
from prismd.policy.load import Load

LOOPBACK_PLACES = 16
"""Places beyond the limit for this machine: an operator and a probe come in when all are taken."""
RETRY_S = 5.0
"""When to come again: strangers who send nothing lose their places in seconds."""
WARN_EVERY_S = 60.0

log = logging.getLogger("prism.front")


@dataclass(slots=True)
class Door:
    """Counts strangers. Used from the event loop."""

    load: Load = field(default_factory=Load)
    """Says which calls are let in when more come than can be served."""
    max_strangers: int = 1_000
    slow_reader_timeout_s: float = 60.0
    """How long a client may take nothing of an answer that waits for it."""
    strangers: int = 0
    """Connections that have not shown a valid key."""
    _warned_s: float = -WARN_EVERY_S

    def let_in(self, peer: str) -> None:
        """Count one more stranger.

        Raises:
            Overloaded: all places are taken.
        """
        places = self.max_strangers
        if self.strangers >= places and _is_loopback(peer):
            places += LOOPBACK_PLACES
        if self.strangers >= places:
            self._warn()
            msg = (
                "Too many connections are open that have not shown a valid key. Try again, or "
                "raise server.max_unauthenticated_connections."
            )
            raise Overloaded(msg, code="too_many_connections", retry_after_s=RETRY_S)
        self.strangers += 1

    def forget_one(self) -> None:
        """Take one stranger off: it has shown a key, or has gone."""
        self.strangers -= 1

    def _warn(self) -> None:
        now_s = clock.monotonic_s()
        if now_s - self._warned_s >= WARN_EVERY_S:
            self._warned_s = now_s
            log.warning(
                "connections are refused: %d have not shown a valid key "
                "(server.max_unauthenticated_connections)",
                self.strangers,
            )


def _is_loopback(peer: str) -> bool:
    return peer == "::1" or peer.removeprefix("::ffff:").startswith("127.")
