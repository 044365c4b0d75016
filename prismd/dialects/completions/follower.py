"""A stream of text completions that is relayed as it comes."""

from collections.abc import Iterable

from msgspec.structs import replace

from prismd.dialects.base import About
from prismd.dialects.completions.answer import write_answer
from prismd.dialects.completions.decoder import CompletionDecoder
from prismd.dialects.following import Following
from prismd.dialects.openai.follower import NULL_USAGE
from prismd.kernel import sse
from prismd.kernel.sse import DONE, SseEvent
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, Event, Finished, TextDelta, UsageTold


class CompletionFollower(Following[SseEvent]):
    """Relay one stream (the port ``Follower``)."""

    dialect = DialectName.COMPLETIONS

    def __init__(self, about: About, *, provider: str) -> None:
        super().__init__(about, CompletionDecoder(provider=provider))

    def last(self) -> bytes:
        """Return the end marker."""
        return sse.encode(DONE)

    def _passed(self, frame: SseEvent, told: Iterable[Event], /) -> bytes:
        if not frame.data or frame.data == DONE:
            return frame.raw if frame.data is None else b""
        is_said = any(isinstance(event, TextDelta | Finished) for event in told)
        if not is_said and any(isinstance(event, UsageTold) for event in told):
            if not self._about.wants_usage:
                return b""
            cost = self._with_cost(frame.data)
            return frame.raw if cost is None else sse.encode(cost)
        return frame.raw if self._about.wants_usage else frame.raw.replace(NULL_USAGE, b"")

    def _written(self, answer: Answer) -> bytes:
        return write_answer(answer, replace(self._about, request=None))  # without the prompt
