"""A Messages stream that is relayed: the vendor's own bytes, and what must be known of them."""

from collections.abc import Callable, Iterator

from prismd.dialects.anthropic.answer import write_answer
from prismd.dialects.anthropic.decoder import AnthropicDecoder
from prismd.dialects.anthropic.encoder import MEDIA_TYPE
from prismd.dialects.base import About
from prismd.dialects.errors import error_event
from prismd.dialects.gather import Gathering
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import SseEvent, encode
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import TextDelta, ThinkingDelta, ToolArguments, UsageTold

_STOP = encode(b'{"type":"message_stop"}', event="message_stop")


class AnthropicFollower:
    """Relay one stream (the port ``Follower``); only ``message_stop`` is held back."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._decoder = AnthropicDecoder(provider=provider)
        self._kept: Gathering | None = None
        self._stop = _STOP
        self._is_over = False

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield the events to relay; raises UpstreamError."""
        for event in self._decoder.events(chunk):
            if out := self._relay(event):
                yield out

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        yield from self.feed(b"\n\n")
        self._decoder.check_end()

    def last(self) -> bytes:
        """Return the vendor's ``message_stop``."""
        return self._stop

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, DialectName.ANTHROPIC, request_id=self._about.id)

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole message."""
        return write_answer((self._kept or Gathering()).answer(), self._about)

    def _relay(self, event: SseEvent) -> bytes:
        if self._is_over:
            return b""
        is_final = False
        for told in self._decoder.read(event):
            if self._kept is not None:
                self._kept.add(told)
            match told:
                case TextDelta() | ThinkingDelta() | ToolArguments():
                    self.output_chars += len(told.text)
                    self.output_deltas += 1
                case UsageTold():
                    self.usage = told.usage
                    is_final = True
                case _:
                    pass
        if self._decoder.is_done:
            self._is_over = True
            self._stop = event.raw
            return b""
        return self._annotated(event) if is_final else event.raw

    def _annotated(self, event: SseEvent) -> bytes:
        if self.annotate is None or self.usage is None:
            return event.raw
        data = (event.data or b"").replace(b"\n", b" ").rstrip()
        told = data.removesuffix(b"}") + b',"prism":' + self.annotate(self.usage) + b"}"
        return encode(told, event="message_delta")
