"""A stream of generateContent that is relayed: the vendor's own pieces; the last is held back."""

from collections.abc import Callable, Iterator

from prismd.dialects.base import About
from prismd.dialects.errors import error_body
from prismd.dialects.gather import Gathering
from prismd.dialects.google.answer import write_answer
from prismd.dialects.google.decoder import GoogleDecoder
from prismd.dialects.google.encoder import Framing
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import SseEvent
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import TextDelta, ThinkingDelta, ToolArguments, UsageTold


class GoogleFollower:
    """Relay one stream (the port ``Follower``)."""

    def __init__(self, about: About, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._framing = Framing(is_array=about.is_array)
        self._decoder = GoogleDecoder(provider=provider)
        self._kept: Gathering | None = None
        self._held: SseEvent | None = None
        """The last piece so far, since a choice has ended."""

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return self._framing.media_type

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield the pieces to relay; raises UpstreamError."""
        for event in self._decoder.events(chunk):
            self._look(event)
            if not event.data:
                continue
            if self._held is not None or self._decoder.has_finished:
                if self._held is not None:
                    yield self._relayed(self._held)
                self._held = event
            else:
                yield self._relayed(event)

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        yield from self.feed(b"\n\n")
        self._decoder.check_end()

    def last(self) -> bytes:
        """Return the last piece."""
        held = self._held
        if held is None:
            return self._framing.end()
        data = (held.data or b"").replace(b"\n", b" ").rstrip()
        if self.annotate is not None and self.usage is not None:
            told = b',"prism":' + self.annotate(self.usage) + b"}"
            return self._framing.piece(data.removesuffix(b"}") + told) + self._framing.end()
        return self._relayed(held) + self._framing.end()

    def failed(self, error: PrismError) -> bytes:
        """Return the piece that says why there is no end."""
        return self._framing.piece(error_body(error, DialectName.GOOGLE)) + self._framing.end()

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer."""
        return write_answer((self._kept or Gathering()).answer(), self._about)

    def _relayed(self, event: SseEvent) -> bytes:
        if not self._about.is_array:
            return event.raw
        return self._framing.piece((event.data or b"").replace(b"\n", b" "))

    def _look(self, event: SseEvent) -> None:
        for told in self._decoder.read(event):
            if self._kept is not None:
                self._kept.add(told)
            match told:
                case TextDelta() | ThinkingDelta() | ToolArguments():
                    self.output_chars += len(told.text)
                    self.output_deltas += 1
                case UsageTold():
                    self.usage = told.usage
                case _:
                    pass
