"""A stream of generateContent that is relayed: the vendor's own pieces; the last is held back."""

from collections.abc import Iterable

from prismd.dialects.base import About
from prismd.dialects.errors import error_body
from prismd.dialects.following import Following
from prismd.dialects.google.answer import write_answer
from prismd.dialects.google.decoder import GoogleDecoder
from prismd.dialects.google.encoder import Framing
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import SseEvent
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, Event


class GoogleFollower(Following[SseEvent]):
    """Relay one stream (the port ``Follower``)."""

    dialect = DialectName.GOOGLE

    def __init__(self, about: About, *, provider: str) -> None:
        super().__init__(about, GoogleDecoder(provider=provider))
        self._framing = Framing(is_array=about.is_array)
        self._held: SseEvent | None = None
        """The last piece so far, since a choice has ended."""

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return self._framing.media_type

    def last(self) -> bytes:
        """Return the last piece."""
        held = self._held
        if held is None:
            return self._framing.end()
        cost = self._with_cost(held.data or b"")
        last = self._relay(held) if cost is None else self._framing.piece(cost)
        return last + self._framing.end()

    def failed(self, error: PrismError) -> bytes:
        """Return the piece that says why there is no end."""
        return self._framing.piece(error_body(error, self.dialect)) + self._framing.end()

    def _passed(self, frame: SseEvent, _: Iterable[Event], /) -> bytes:
        if not frame.data:
            return b""
        if self._held is None and not self._decoder.has_finished:
            return self._relay(frame)
        before, self._held = self._held, frame
        return b"" if before is None else self._relay(before)

    def _relay(self, event: SseEvent) -> bytes:
        if not self._about.is_array:
            return event.raw
        return self._framing.piece((event.data or b"").replace(b"\n", b" "))

    def _written(self, answer: Answer) -> bytes:
        return write_answer(answer, self._about)
