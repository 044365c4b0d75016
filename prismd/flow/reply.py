"""What the corridor gives back to the room: a body, or a stream that has already begun."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from prismd.flow.replay import Kept


class Streaming(Protocol):
    """An answer that comes in pieces: iterate it once, then ``aclose`` it, in every case."""

    @property
    def headers(self) -> dict[str, str]:
        """What the body is."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over what the client receives."""
        ...

    async def aclose(self) -> None:
        """Settle the call, if that has not been done."""
        ...


class Reply(msgspec.Struct, frozen=True, eq=False):
    """An answer. Exactly one of ``body`` and ``stream`` is set.

    A ``stream`` must be closed (``aclose``) in every case: closing it settles the call.
    """

    headers: dict[str, str]
    """Those that describe the body are set here only for a kept answer."""
    body: bytes | None = None
    stream: Streaming | None = None
    status: int = 200
    """Another one only for a kept answer: the corridor raises its errors."""

    @classmethod
    def again(cls, kept: Kept) -> "Reply":
        """Return what was answered before."""
        return cls(kept.headers, body=kept.answer.body, status=kept.answer.status)
