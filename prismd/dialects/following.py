"""What relays of vendors' streams have in common: their bytes pass, what must be known is read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Generic

from prismd.dialects.base import About
from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.errors import error_event
from prismd.dialects.gather import Gathering
from prismd.dialects.source import Frame
from prismd.kernel import sse
from prismd.kernel.errors import PrismError, UpstreamError
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    Event,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    UsageTold,
)


class Following(ABC, Generic[Frame]):
    """Relay one stream (the port ``Follower``)."""

    dialect: ClassVar[DialectName]

    def __init__(self, about: About, decoder: StreamDecoder[Frame]) -> None:
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._decoder = decoder
        self._kept: Gathering | None = None

    @abstractmethod
    def _passed(self, frame: Frame, told: Iterable[Event], /) -> bytes:
        """Return what of a frame leaves now; it may be held back for ``last``."""

    @abstractmethod
    def last(self) -> bytes:
        """Return the bytes that tell the client that the answer is whole."""

    @abstractmethod
    def _written(self, answer: Answer) -> bytes:
        """Write a whole answer in the dialect."""

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return sse.MEDIA_TYPE

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield what is relayed; raises UpstreamError."""
        return self._relayed(self._decoder.source.frames(chunk))

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        try:
            yield from self._relayed(self._decoder.source.rest())
        except UpstreamError as error:
            raise self._decoder.source.at_end(error) from None
        self._decoder.check_end()

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, self.dialect, request_id=self._about.id)

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes, for ``answer``."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer."""
        return self._written((self._kept or Gathering()).answer())

    def _relayed(self, frames: Iterator[Frame]) -> Iterator[bytes]:
        for frame in frames:
            if self.is_done:
                continue
            told = tuple(self._decoder.read(frame))
            self._look(told)
            if out := self._passed(frame, told):
                yield out

    def _look(self, told: Iterable[Event]) -> None:
        for event in told:
            if self._kept is not None:
                self._kept.add(event)
            match event:
                case TextDelta() | ThinkingDelta() | ToolArguments():
                    self.output_chars += len(event.text)
                    self.output_deltas += 1
                case UsageTold():
                    self.usage = event.usage
                case _:
                    pass

    def _with_cost(self, data: bytes) -> bytes | None:
        """Return a JSON object with the member ``prism``; None where the caller gets none."""
        if self.annotate is None or self.usage is None:
            return None
        return with_cost(data, self.annotate(self.usage))


def with_cost(data: bytes, cost: bytes) -> bytes:
    """Return a JSON object with a member ``prism``, on one line."""
    whole = data.replace(b"\n", b" ").rstrip()
    return whole.removesuffix(b"}") + b',"prism":' + cost + b"}"
