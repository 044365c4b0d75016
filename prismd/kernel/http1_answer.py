"""One answer as its caller sees it: wait for the head, take the body, close.

Invariant: an answer that is not complete when its caller leaves takes its connection with it. What
came is kept here, unread, up to ``MAX_BODY_BYTES`` for a caller who wants all of it, and up to a
quarter of a MiB and one read of the socket for a caller who takes it piece by piece.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from prismd.kernel.http1_head import NO_HEADERS
from prismd.kernel.outbound_error import OutboundBroken, OutboundError, OutboundTimeout

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that ``Answer.read`` gathers."""

_MAX_UNREAD_BYTES = 64 * 1024
"""More than this that nobody has taken yet pauses the reading."""


class Carrier(Protocol):
    """The connection that brings an answer; each method does nothing once it carries another."""

    loop: asyncio.AbstractEventLoop

    def cut(self, answer: "Answer") -> None:
        """Close the socket."""
        ...

    def resume(self, answer: "Answer") -> None:
        """Read on after a pause."""
        ...

    def limit(self, answer: "Answer", deadline_s: float) -> None:
        """Cut the answer if it is not complete at a time on the loop's clock."""
        ...


class Answer:
    """An answer on its way. ``aclose`` must be called, in every case."""

    __slots__ = (
        "_carrier",
        "_is_gathered",
        "_parts",
        "_timeout_s",
        "_unread_bytes",
        "_waiter",
        "error",
        "has_begun",
        "headers",
        "is_complete",
        "status",
    )

    def __init__(self, carrier: Carrier, timeout_s: float) -> None:
        self.status = 0
        """0 until the head is here."""
        self.headers: Mapping[str, str] = NO_HEADERS
        """Lower-case names; a repeated header is joined with commas."""
        self.has_begun = False
        """Whether any byte has come."""
        self.is_complete = False
        self.error: OutboundError | None = None
        """Why it will never be complete."""
        self._carrier = carrier
        self._timeout_s = timeout_s
        self._parts: list[bytes] = []
        self._unread_bytes = 0
        self._is_gathered = False
        self._waiter: asyncio.Future[None] | None = None

    # The caller's side

    async def news(self) -> None:
        """Wait until the head or more of the body is here; raises OutboundError if none will be."""
        if self.error is not None:
            raise self.error
        self._waiter = self._carrier.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            await self.aclose()
            raise
        except BaseException:
            self._carrier.cut(self)
            raise

    async def read(self) -> bytes:
        """Return the whole body, without a pause if it is all here.

        Raises:
            OutboundError: broken, too large, or not complete in time.
        """
        if not self.is_complete:
            self._is_gathered = True
            self._check_size()
            self._carrier.limit(self, self._carrier.loop.time() + self._timeout_s)
            self._carrier.resume(self)
            while not self.is_complete:
                await self.news()
        return self.whole()

    def whole(self) -> bytes:
        """Return the whole body of an answer that is complete.

        Raises:
            OutboundBroken: it is too large.
        """
        if self._unread_bytes > MAX_BODY_BYTES:
            raise OutboundBroken(_too_large())
        return self.take()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; how long a silence may be is for the caller to say.

        Raises:
            OutboundError: broken, after all that came before has been given.
        """
        while True:
            if self._parts:
                was_too_much = self._unread_bytes > _MAX_UNREAD_BYTES
                part = self.take()
                if was_too_much:
                    self._carrier.resume(self)
                yield part
            elif self.is_complete:
                return
            else:
                await self.news()

    def take(self) -> bytes:
        """Return what has come of the body and was not taken yet: all, if ``is_complete``."""
        parts = self._parts
        if len(parts) == 1:
            part = parts[0]
            parts.clear()
        else:
            part = b"".join(parts)
            self._parts = []
        self._unread_bytes = 0
        return part

    async def aclose(self) -> None:
        """Cut the connection if the answer has not come to its end; it is closed afterwards."""
        if not self.is_complete:
            self._carrier.cut(self)
            await asyncio.sleep(0)  # the loop closes the socket in its next turn

    # The connection's side

    def add(self, part: bytes) -> bool:
        """Take a part of the body; return whether too much lies here unread."""
        self._parts.append(part)
        self._unread_bytes += len(part)
        if self._is_gathered:
            self._check_size()
            return False
        return self._unread_bytes > _MAX_UNREAD_BYTES

    def fail(self, error: OutboundError) -> None:
        """End an answer that will not come; the first reason counts."""
        if not self.is_complete and self.error is None:
            self.error = error
            self.wake()

    def time_is_over(self) -> None:
        """End an answer whose phase took too long."""
        what = "the body was not complete" if self.status else "no answer"
        self.fail(OutboundTimeout(f"{what} within {self._timeout_s:g} s"))

    def progressed(self) -> None:
        """Wake the caller, unless it waits for the whole body."""
        if not self._is_gathered:
            self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _check_size(self) -> None:
        if self._unread_bytes > MAX_BODY_BYTES:
            self.fail(OutboundBroken(_too_large()))
            self._carrier.cut(self)


def _too_large() -> str:
    return f"the body is larger than {MAX_BODY_BYTES} bytes"
