"""One thing that happened, as the event feed keeps it: what it is about, not yet what is said."""

from collections.abc import Callable

import msgspec

from prismd.kernel import jsonio


class Event(msgspec.Struct, gc=False, eq=False):
    """One thing that happened. ``seq`` rises with each event and is the SSE id."""

    seq: int
    topic: str
    ts_s: float
    node: str
    about: object
    tell: Callable[[object], dict[str, object]]
    """Makes the body from ``about``, only when somebody looks: most events nobody sees."""
    _json: bytes = b""

    @property
    def body(self) -> dict[str, object]:
        """JSON-ready fields; never prompt text, never a secret."""
        return self.tell(self.about)

    @property
    def json(self) -> bytes:
        """The event as JSON but for the closing brace, so that a viewer can be told more in it.

        Made once, however many watch.
        """
        if not self._json:
            head = {"type": self.topic, "id": self.seq, "ts_s": round(self.ts_s, 3)}
            self._json = jsonio.encode({**head, "node": self.node, **self.body})[:-1]
        return self._json
