"""What the corridor gives back to the room: a body, or a stream that has already begun."""

import msgspec

from prismd.flow.replay import Kept
from prismd.flow.stream import Relay


class Reply(msgspec.Struct, frozen=True, eq=False):
    """An answer. Exactly one of ``body`` and ``stream`` is set.

    A ``stream`` must be closed (``aclose``) in every case: closing it settles the call.
    """

    headers: dict[str, str]
    """Those that describe the body are set here only for a kept answer."""
    body: bytes | None = None
    stream: Relay | None = None
    status: int = 200
    """Another one only for a kept answer: the corridor raises its errors."""

    @classmethod
    def again(cls, kept: Kept) -> "Reply":
        """Return what was answered before."""
        return cls(kept.headers, body=kept.answer.body, status=kept.answer.status)
