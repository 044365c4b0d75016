"""A vendor's stream of chat chunks → events."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.openai.answer import STOPS, Logprobs, ToolCall, read_logprobs, reasoning_text
from prismd.dialects.openai.read import ThinkingBlock
from prismd.dialects.openai.usage import ABSENT, is_null, usage_of
from prismd.dialects.source import SseSource
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel.sse import DONE, SseEvent
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
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


class _TextPart(msgspec.Struct):
    text: str | None = None


class _Delta(msgspec.Struct):
    content: str | list[_TextPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: msgspec.Raw = ABSENT
    thinking_blocks: list[ThinkingBlock] | None = None
    tool_calls: list[ToolCall] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(_Chunk, strict=False).decode


class OpenAIDecoder(StreamDecoder[SseEvent]):
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(SseSource(provider=provider))
        self._has_started = False
        self._finished: dict[int, Finished | None] = {}
        """Choice → how it ended; None: it goes on."""
        self._has_refused: set[int] = set()
        self._calls: dict[tuple[int, int], int] = {}
        """Choice and the vendor's index of a call → ours."""

    @property
    def has_finished(self) -> bool:
        """Whether every choice so far has ended: some vendors leave out the ``[DONE]``."""
        return bool(self._finished) and all(self._finished.values())

    def read(self, event: SseEvent) -> Iterator[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or self.is_done:
            return
        if event.data == DONE:
            self.is_done = True
            return
        try:
            chunk = _decode(event.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self.source.broken("sent an event that is no JSON chunk") from None
        if not is_null(chunk.error) and not chunk.choices:
            raise read_embedded_error(event.data, provider=self.source.provider)
        if not self._has_started:
            self._has_started = True
            yield Started(id=chunk.id or None, model=chunk.model or None)
        for choice in chunk.choices or ():
            yield from self._of_choice(choice)
        if (usage := usage_of(chunk.usage)) is not None:
            yield UsageTold(usage=usage)

    def _of_choice(self, choice: _Choice) -> Iterator[Event]:
        at = choice.index
        self._finished.setdefault(at, None)
        if (tokens := read_logprobs(choice.logprobs)) is not None and tokens:
            yield LogprobsDelta(tokens=tokens, choice=at)
        if choice.delta is not None:
            yield from self._of_delta(at, choice.delta)
        if choice.finish_reason and self._finished[at] is None:
            stop = STOPS.get(choice.finish_reason, StopReason.END)
            if stop is StopReason.END and at in self._has_refused:
                stop = StopReason.REFUSAL
            self._finished[at] = ended = Finished(stop=stop, choice=at)
            yield ended

    def _of_delta(self, at: int, delta: _Delta) -> Iterator[Event]:
        thought = delta.reasoning_content or reasoning_text(delta.reasoning)
        if thought:
            yield ThinkingDelta(text=thought, choice=at)
        for block in delta.thinking_blocks or ():
            yield from _of_block(at, block, is_told=bool(thought))
        content = delta.content or ""
        if not isinstance(content, str):
            content = "".join(part.text or "" for part in content)
        if content:
            yield TextDelta(text=content, choice=at)
        if delta.refusal:
            self._has_refused.add(at)
            yield TextDelta(text=delta.refusal, choice=at)
        for position, call in enumerate(delta.tool_calls or ()):
            yield from self._of_call(at, position, call)

    def _of_call(self, at: int, position: int, call: ToolCall) -> Iterator[Event]:
        given = position if call.index is None else call.index
        tool = self._calls.get((at, given))
        function = call.function
        if tool is None:
            tool = sum(1 for choice, _ in self._calls if choice == at)
            self._calls[at, given] = tool
            yield ToolStarted(
                tool=tool,
                id=call.id or f"call_{tool}",
                name=(function and function.name) or "",
                choice=at,
                signature=call.signature,
            )
        if function is not None and function.arguments:
            yield ToolArguments(tool=tool, text=function.arguments, choice=at)


def _of_block(at: int, block: ThinkingBlock, *, is_told: bool) -> Iterator[Event]:
    if block.type == "redacted_thinking":
        yield ThinkingRedacted(data=block.data, choice=at)
        return
    if block.thinking and not is_told:
        yield ThinkingDelta(text=block.thinking, choice=at)
    if block.signature:
        yield ThinkingSigned(signature=block.signature, choice=at)
