"""One thing that happened, as the event feed keeps it: what it is about, not yet what is said."""

import logging
from collections.abc import Callable

import msgspec

from prismd.kernel import jsonio

log = logging.getLogger("prism.events")


class Event(msgspec.Struct, gc=False, eq=False):
    """One thing that happened. ``seq`` rises with each event and is the SSE id."""

    seq: int
    topic: str
    ts_s: float
    node: str
    about: object
    tell: Callable[[object], dict[str, object]]
    """Makes the body from ``about``, only when somebody looks: most events nobody sees."""
    _json: bytes | None = None

    @property
    def body(self) -> dict[str, object]:
        """JSON-ready fields; never prompt text, never a secret."""
        return self.tell(self.about)

    @property
    def json(self) -> bytes:
        """The event as JSON but for the closing brace, so that a viewer can be told more in it.

        Made once, however many watch. Empty if it cannot be told: it is left out, or all who watch
        would fail at it, and again when they come back.
        """
        if self._json is None:
            head = {"type": self.topic, "id": self.seq, "ts_s": round(self.ts_s, 3)}
            try:
                self._json = jsonio.encode({**head, "node": self.node, **self.body})[:-1]
            except Exception:
                log.exception("the event %d (%s) cannot be told", self.seq, self.topic)
                self._json = b""
        return self._json
