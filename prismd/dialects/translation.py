"""A stream between two dialects: the vendor's decoder in front, the client's encoder behind."""

from collections.abc import Callable, Iterator

from prismd.dialects.base import About, Decoder, Dialect, Encoder
from prismd.dialects.gather import Gathering
from prismd.dialects.json_tool import JsonToolEvents
from prismd.kernel.errors import PrismError
from prismd.wire.common import Usage
from prismd.wire.conversation import Event, TextDelta, ThinkingDelta, ToolArguments, UsageTold


class Translation:
    """Follow one stream from a vendor's dialect to a client's (the port ``Follower``)."""

    def __init__(
        self, theirs: Decoder, ours: Dialect, about: About, *, json_tool: str | None = None
    ) -> None:
        """Translate one stream.

        Args:
            theirs: Reads the vendor's bytes.
            ours: The client's dialect.
            about: What the answer says of itself.
            json_tool: As in ``Outgoing``.
        """
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self._decoder = theirs
        self._dialect = ours
        self._about = about
        self._encoder: Encoder = ours.encoder(about)
        self._json = None if json_tool is None else JsonToolEvents(json_tool)
        self._kept: Gathering | None = None

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return self._encoder.media_type

    @property
    def annotate(self) -> Callable[[Usage], bytes] | None:
        """As in ``Follower``."""
        return self._encoder.annotate

    @annotate.setter
    def annotate(self, annotate: Callable[[Usage], bytes] | None) -> None:
        self._encoder.annotate = annotate

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield what the client is sent; raises UpstreamError."""
        return self._translated(self._decoder.feed(chunk))

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        return self._translated(self._decoder.end())

    def last(self) -> bytes:
        """Return the bytes that tell the client that the answer is whole."""
        return self._encoder.last()

    def failed(self, error: PrismError) -> bytes:
        """Return the bytes that end the stream with an error."""
        return self._encoder.failed(error)

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes, for ``answer``."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer in the client's dialect."""
        kept = self._kept or Gathering()
        return self._dialect.write_answer(kept.answer(), self._about)

    def _translated(self, events: Iterator[Event]) -> Iterator[bytes]:
        for event in events:
            self._count(event)
            for told in (event,) if self._json is None else self._json.passed(event):
                if self._kept is not None:
                    self._kept.add(told)
                if out := self._encoder.encode(told):
                    yield out

    def _count(self, event: Event) -> None:
        match event:
            case TextDelta() | ThinkingDelta() | ToolArguments():
                if event.text:
                    self.output_chars += len(event.text)
                    self.output_deltas += 1
            case UsageTold():
                self.usage = event.usage
            case _:
                pass
