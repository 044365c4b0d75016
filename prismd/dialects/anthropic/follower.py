"""A Messages stream that is relayed: the vendor's own bytes, and what must be known of them."""

from collections.abc import Iterable

from prismd.dialects.anthropic.answer import write_answer
from prismd.dialects.anthropic.decoder import AnthropicDecoder
from prismd.dialects.base import About
from prismd.dialects.following import Following
from prismd.kernel.sse import SseEvent, encode
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, Event, UsageTold


class AnthropicFollower(Following[SseEvent]):
    """Relay one stream (the port ``Follower``); only ``message_stop`` is held back."""

    dialect = DialectName.ANTHROPIC

    def __init__(self, about: About, *, provider: str) -> None:
        super().__init__(about, AnthropicDecoder(provider=provider))
        self._stop = encode(b'{"type":"message_stop"}', event="message_stop")

    def last(self) -> bytes:
        """Return the vendor's ``message_stop``."""
        return self._stop

    def _passed(self, frame: SseEvent, told: Iterable[Event], /) -> bytes:
        if self.is_done:
            self._stop = frame.raw
            return b""
        if any(isinstance(event, UsageTold) for event in told):
            cost = self._with_cost(frame.data or b"")
            return frame.raw if cost is None else encode(cost, event="message_delta")
        return frame.raw

    def _written(self, answer: Answer) -> bytes:
        return write_answer(answer, self._about)
