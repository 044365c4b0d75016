"""A stream of Cohere's Chat → events."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.cohere.answer import STOPS, Logprobs, UsageBody, read_logprobs, usage_of
from prismd.dialects.cohere.request import ToolCall
from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.source import SseSource
from prismd.kernel.sse import DONE, SseEvent
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Started,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolStarted,
    UsageTold,
)


class _Content(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None


class _Message(msgspec.Struct):
    content: _Content | list[msgspec.Raw] | None = None
    tool_plan: str | None = None
    tool_calls: ToolCall | list[msgspec.Raw] | None = None


class _Delta(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: UsageBody | None = None
    error: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    id: str | None = None
    index: int | None = None
    delta: _Delta | None = None
    logprobs: Logprobs | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Event, strict=False).decode


class CohereDecoder(StreamDecoder[SseEvent]):
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(SseSource(provider=provider))
        self._tools: dict[int, int] = {}
        """The vendor's index of a call → ours."""

    def read(self, event: SseEvent) -> list[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or event.data == DONE or self.is_done:
            return []
        try:
            told = _decode(event.data)
        except msgspec.ValidationError:
            return []  # JSON of a shape that is not known here
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError):
            raise self.source.broken("sent an event that is no JSON") from None
        return list(self._events_of(told))

    def _events_of(self, told: _Event) -> Iterator[Event]:
        delta = told.delta or _Delta()
        message = delta.message or _Message()
        if told.logprobs is not None and (tokens := read_logprobs([told.logprobs])):
            yield LogprobsDelta(tokens=tokens)
        match told.type:
            case "message-start":
                yield Started(id=told.id)
            case "content-start" | "content-delta" if isinstance(message.content, _Content):
                if message.content.thinking:
                    yield ThinkingDelta(text=message.content.thinking)
                if message.content.text:
                    yield TextDelta(text=message.content.text)
            case "tool-plan-delta" if message.tool_plan:
                yield ThinkingDelta(text=message.tool_plan)
            case "tool-call-start" | "tool-call-delta" if isinstance(message.tool_calls, ToolCall):
                yield from self._call(told.index or 0, message.tool_calls)
            case "message-end":
                yield from self._ended(delta)
            case _:
                pass

    def _call(self, index: int, call: ToolCall) -> Iterator[Event]:
        function = call.function
        if index not in self._tools:
            tool = self._tools[index] = len(self._tools)
            name = function.name if function is not None else ""
            yield ToolStarted(tool=tool, id=call.id or f"call_{tool}", name=name)
        if function is not None and function.arguments:
            yield ToolArguments(tool=self._tools[index], text=function.arguments)

    def _ended(self, delta: _Delta) -> Iterator[Event]:
        if delta.error:
            raise self.source.broken(f"broke off ({delta.error[:200]})")
        self.is_done = True
        yield Finished(stop=STOPS.get(delta.finish_reason or "", StopReason.END))
        if (usage := usage_of(delta.usage)) is not None:
            yield UsageTold(usage=usage)
