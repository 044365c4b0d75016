"""A stream of Messages events → ours."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.anthropic.answer import STOPS, UsageBody, normalised, usage_of
from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.source import SseSource
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel.sse import SseEvent
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

Raw = msgspec.Raw
_NONE = Raw()


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: Raw = _NONE


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: Raw = _NONE
    thinking: str = ""
    signature: str = ""
    data: str = ""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: Raw = _NONE


_decode = msgspec.json.Decoder(_Event).decode


class AnthropicDecoder(StreamDecoder[SseEvent]):
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(SseSource(provider=provider))
        self._usage: UsageBody | None = None
        self._tools: dict[int, int] = {}
        """Index of a block → number of the call that it is."""
        self._has_stopped = False

    def read(self, event: SseEvent) -> list[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or self.is_done:
            return []
        try:
            told = _decode(event.data)
        except msgspec.ValidationError:
            return []  # JSON of a shape that is not known here
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self.source.broken("sent an event that is no JSON") from None
        match told.type:
            case "message_start" if told.message is not None:
                self._usage = usage_of(told.message.usage)
                usage = normalised(self._usage)
                return [Started(id=told.message.id, model=told.message.model, usage=usage)]
            case "content_block_start" if told.content_block is not None:
                return list(self._started(told.index, told.content_block))
            case "content_block_delta" if told.delta is not None:
                return list(self._delta(told.index, told.delta))
            case "message_delta":
                return list(self._ended(told))
            case "message_stop":
                self.is_done = True
            case "error":
                raise read_embedded_error(event.data, provider=self.source.provider)
            case _:
                pass
        return []

    def _started(self, index: int, block: _Block) -> Iterator[Event]:
        match block.type:
            case "tool_use":
                tool = self._tools[index] = len(self._tools)
                yield ToolStarted(tool=tool, id=block.id, name=block.name)
                given = bytes(block.input)
                if given not in (b"", b"{}", b"null"):  # told at once, not in pieces
                    yield ToolArguments(tool=tool, text=given.decode())
            case "redacted_thinking":
                yield ThinkingRedacted(data=block.data)
            case "text" if block.text:
                yield TextDelta(text=block.text)
            case "thinking" if block.thinking:
                yield ThinkingDelta(text=block.thinking)
            case _:
                pass

    def _delta(self, index: int, delta: _Delta) -> Iterator[Event]:
        match delta.type:
            case "text_delta" if delta.text:
                yield TextDelta(text=delta.text)
            case "input_json_delta" if delta.partial_json and index in self._tools:
                yield ToolArguments(tool=self._tools[index], text=delta.partial_json)
            case "thinking_delta" if delta.thinking:
                yield ThinkingDelta(text=delta.thinking)
            case "signature_delta" if delta.signature:
                yield ThinkingSigned(signature=delta.signature)
            case _:
                pass

    def _ended(self, told: _Event) -> Iterator[Event]:
        delta = told.delta
        if delta is not None and delta.stop_reason is not None and not self._has_stopped:
            self._has_stopped = True
            stop = STOPS.get(delta.stop_reason, StopReason.END)
            yield Finished(stop=stop, stop_sequence=delta.stop_sequence)
        self._usage = usage_of(told.usage, self._usage)
        if (usage := normalised(self._usage)) is not None:
            yield UsageTold(usage=usage)
