"""What the readers of vendors' streams have in common, whatever their frames and dialects are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Generic

from prismd.dialects.source import Frame, Source
from prismd.kernel.errors import UpstreamError
from prismd.wire.conversation import Event


class StreamDecoder(ABC, Generic[Frame]):
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, source: Source[Frame]) -> None:
        self.is_done = False
        """Whether the answer is complete: what comes after it is not read."""
        self.source = source

    @abstractmethod
    def read(self, frame: Frame) -> Iterable[Event]:
        """Read one frame; raises UpstreamError."""

    @property
    def has_finished(self) -> bool:
        """Whether the answer is whole if the bytes end here, without a marker of its end."""
        return False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes; raises UpstreamError."""
        for frame in self.source.frames(chunk):
            yield from self.read(frame)

    def end(self) -> Iterator[Event]:
        """Take the end of the bytes; raises UpstreamError if it came too early."""
        try:
            for frame in self.source.rest():
                yield from self.read(frame)
        except UpstreamError as error:
            raise self.source.at_end(error) from None
        self.check_end()

    def check_end(self) -> None:
        """Take the end of the frames; raises UpstreamError if it came too early."""
        if not self.is_done and not self.has_finished:
            raise self.source.closed_early()
        self.is_done = True
