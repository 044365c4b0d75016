"""A stream of Cohere's Chat that is relayed; ``message-end`` is held back."""

from collections.abc import Iterable

from prismd.dialects.base import About
from prismd.dialects.cohere.answer import write_answer
from prismd.dialects.cohere.decoder import CohereDecoder
from prismd.dialects.following import Following
from prismd.kernel.sse import SseEvent, encode
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, Event


class CohereFollower(Following[SseEvent]):
    """Relay one stream (the port ``Follower``)."""

    dialect = DialectName.COHERE

    def __init__(self, about: About, *, provider: str) -> None:
        super().__init__(about, CohereDecoder(provider=provider))
        self._end: SseEvent | None = None

    def last(self) -> bytes:
        """Return the vendor's ``message-end``."""
        if self._end is None:
            return b""
        cost = self._with_cost(self._end.data or b"")
        return self._end.raw if cost is None else encode(cost, event="message-end")

    def _passed(self, frame: SseEvent, _: Iterable[Event], /) -> bytes:
        if self.is_done:
            self._end = frame
            return b""
        return frame.raw

    def _written(self, answer: Answer) -> bytes:
        return write_answer(answer, self._about)
