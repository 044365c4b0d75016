"""A vendor's stream of Converse → events; ``metadata`` with the usage follows the stop."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.bedrock.answer import STOPS, UsageBody, usage_of
from prismd.dialects.bedrock.eventstream import Broken, Message, MessageDecoder
from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.source import Source
from prismd.dialects.vendor_error import read_error
from prismd.kernel.errors import UpstreamError
from prismd.wire.conversation import (
    Event,
    Finished,
    Started,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolArguments,
    ToolStarted,
    UsageTold,
)

_EXCEPTIONS = {
    "validationException": 400,
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "modelTimeoutException": 504,
}
"""What is not here is a fault of the vendor."""


class _Use(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: str = ""


class _Reasoning(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _Use | None = None
    reasoning_content: _Reasoning | None = None


class _Payload(msgspec.Struct, rename="camel"):
    content_block_index: int = 0
    start: _Part | None = None
    delta: _Part | None = None
    stop_reason: str | None = None
    usage: UsageBody | None = None


_decode = msgspec.json.Decoder(_Payload, strict=False).decode


class AwsSource(Source[Message]):
    """AWS's messages."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(provider=provider)
        self._messages = MessageDecoder()

    @property
    def is_between(self) -> bool:
        """Whether the last message was whole."""
        return self._messages.is_between

    def frames(self, chunk: bytes) -> Iterator[Message]:
        """Take the next bytes; yield the messages that they complete; raises UpstreamError."""
        try:
            yield from self._messages.feed(chunk)
        except Broken:
            raise self.broken("sent what is no event stream") from None

    def rest(self) -> Iterator[Message]:
        """Yield nothing: a message says how long it is."""
        return iter(())


class BedrockDecoder(StreamDecoder[Message]):
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        self._messages = AwsSource(provider=provider)
        super().__init__(self._messages)
        self.has_stopped = False
        """Whether ``messageStop`` has come: ``metadata`` may follow."""
        self._tools: dict[int, int] = {}

    @property
    def has_finished(self) -> bool:
        """Whether it has stopped, and not within a message."""
        return self.has_stopped and self._messages.is_between

    def read(self, message: Message) -> list[Event]:
        """Read one message; raises UpstreamError."""
        if self.is_done:
            return []
        headers = message.headers
        if headers.get(":message-type", "event") != "event":
            raise self._failed(message)
        try:
            payload = _decode(message.payload)
        except msgspec.ValidationError:
            return []  # JSON of a shape that is not known here
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self.source.broken("sent an event that is no JSON") from None
        return list(self._events(headers.get(":event-type", ""), payload))

    def _events(self, kind: str, payload: _Payload) -> Iterator[Event]:
        match kind:
            case "messageStart":
                yield Started()
            case "contentBlockStart" if payload.start is not None:
                if (use := payload.start.tool_use) is not None:
                    tool = self._tools[payload.content_block_index] = len(self._tools)
                    yield ToolStarted(tool=tool, id=use.tool_use_id, name=use.name)
            case "contentBlockDelta" if payload.delta is not None:
                yield from self._delta(payload.content_block_index, payload.delta)
            case "messageStop":
                self.has_stopped = True
                yield Finished(stop=STOPS.get(payload.stop_reason or "", StopReason.END))
            case "metadata":
                self.is_done = self.has_stopped
                if (usage := usage_of(payload.usage)) is not None:
                    yield UsageTold(usage=usage)
            case _:
                pass

    def _delta(self, index: int, delta: _Part) -> Iterator[Event]:
        if delta.text:
            yield TextDelta(text=delta.text)
        if delta.tool_use is not None and delta.tool_use.input and index in self._tools:
            yield ToolArguments(tool=self._tools[index], text=delta.tool_use.input)
        if (thought := delta.reasoning_content) is not None:
            if thought.text:
                yield ThinkingDelta(text=thought.text)
            if thought.signature:
                yield ThinkingSigned(signature=thought.signature)
            if thought.redacted_content:
                yield ThinkingRedacted(data=thought.redacted_content)

    def _failed(self, message: Message) -> UpstreamError:
        kind = message.headers.get(":exception-type", message.headers.get(":error-code", ""))
        status = _EXCEPTIONS.get(kind, 500)
        return read_error(status, {}, message.payload, provider=self.source.provider)
