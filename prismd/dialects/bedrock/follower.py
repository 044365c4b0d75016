"""A stream of Converse that is relayed: the stop and what follows it are held back."""

from collections.abc import Iterable

from prismd.dialects.base import About
from prismd.dialects.bedrock.answer import write_answer
from prismd.dialects.bedrock.decoder import BedrockDecoder
from prismd.dialects.bedrock.encoder import BedrockEncoder
from prismd.dialects.bedrock.eventstream import MEDIA_TYPE, Message, event
from prismd.dialects.following import Following
from prismd.kernel.errors import PrismError
from prismd.wire.call import DialectName
from prismd.wire.conversation import Answer, Event


class BedrockFollower(Following[Message]):
    """Relay one stream (the port ``Follower``)."""

    dialect = DialectName.BEDROCK

    def __init__(self, about: About, *, provider: str) -> None:
        self._reader = BedrockDecoder(provider=provider)
        super().__init__(about, self._reader)
        self._held: list[Message] = []

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return MEDIA_TYPE

    def last(self) -> bytes:
        """Return the vendor's last messages."""
        return b"".join(map(self._annotated, self._held))

    def failed(self, error: PrismError) -> bytes:
        """Return the message that says why there is no end."""
        return BedrockEncoder(self._about).failed(error)

    def _passed(self, frame: Message, _: Iterable[Event], /) -> bytes:
        if self._reader.has_stopped:
            self._held.append(frame)
            return b""
        return frame.raw

    def _annotated(self, message: Message) -> bytes:
        if message.headers.get(":event-type") != "metadata":
            return message.raw
        cost = self._with_cost(message.payload)
        return message.raw if cost is None else event("metadata", cost)

    def _written(self, answer: Answer) -> bytes:
        return write_answer(answer)
