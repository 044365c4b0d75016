"""A vendor's bytes, cut into the frames of its stream, and what is wrong with them. Sans I/O."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from prismd.kernel.errors import UpstreamError
from prismd.kernel.sse import SseDecoder, SseEvent, SseOverflow

Frame = TypeVar("Frame")
"""What a stream is made of: a server-sent event, or an AWS message."""

_UNREADABLE = "invalid_upstream_response"


class Source(ABC, Generic[Frame]):
    """One stream of one vendor; ``provider`` is only for messages."""

    __slots__ = ("_is_cut", "provider")

    def __init__(self, *, provider: str) -> None:
        self.provider = provider
        self._is_cut = False
        """Whether the bytes ended within a frame."""

    @abstractmethod
    def frames(self, chunk: bytes) -> Iterator[Frame]:
        """Take the next bytes, cut anywhere; yield what they complete; raises UpstreamError."""

    @abstractmethod
    def rest(self) -> Iterator[Frame]:
        """Take the end of the bytes; yield the last frame if only its end is missing."""

    def broken(self, what: str) -> UpstreamError:
        """Return the error of bytes that cannot be read."""
        msg = f"Provider '{self.provider}' {what}; the answer is cut here."
        return UpstreamError(msg, provider=self.provider, code=_UNREADABLE)

    def closed_early(self) -> UpstreamError:
        """Return the error of bytes that ended before the answer."""
        msg = f"Provider '{self.provider}' ended the stream before the answer was complete."
        return UpstreamError(msg, provider=self.provider, code="upstream_closed_early")

    def at_end(self, error: UpstreamError) -> UpstreamError:
        """Return what an error is when the bytes have ended: half a frame cannot be read."""
        return self.closed_early() if self._is_cut and error.code == _UNREADABLE else error


class SseSource(Source[SseEvent]):
    """Server-sent events, and comments between them: they keep a connection alive.

    Comments before the first event are left out. They are no answer, and passing them on would
    bind the call to a vendor that may still fail.
    """

    __slots__ = ("_decoder", "_has_begun")

    def __init__(self, *, provider: str) -> None:
        super().__init__(provider=provider)
        self._decoder = SseDecoder()
        self._has_begun = False

    def frames(self, chunk: bytes) -> Iterator[SseEvent]:
        """Take the next bytes; yield the events that they complete; raises UpstreamError."""
        try:
            for event in self._decoder.feed(chunk):
                if event.data is not None:
                    self._has_begun = True
                elif not self._has_begun:
                    continue
                yield event
        except SseOverflow:
            raise self.broken("sent an event that is too large") from None

    def rest(self) -> Iterator[SseEvent]:
        """Yield an event whose blank line is missing, as some vendors leave out the last one."""
        self._is_cut = self._decoder.is_within_line
        return (event for event in self.frames(b"\n\n") if event.data is not None)
