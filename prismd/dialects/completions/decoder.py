"""A vendor's stream of text completions → events."""

from collections.abc import Iterator

import msgspec

from prismd.dialects.completions.answer import STOPS, Logprobs, read_logprobs
from prismd.dialects.decoding import StreamDecoder
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
    UsageTold,
)


class _Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class CompletionDecoder(StreamDecoder[SseEvent]):
    """Read a vendor's stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(SseSource(provider=provider))
        self._has_started = False
        self._ended: dict[int, bool] = {}

    @property
    def has_finished(self) -> bool:
        """Whether every choice so far has ended: some vendors leave out the ``[DONE]``."""
        return bool(self._ended) and all(self._ended.values())

    def read(self, event: SseEvent) -> list[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or self.is_done:
            return []
        if event.data == DONE:
            self.is_done = True
            return []
        try:
            chunk = _decode_chunk(event.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self.source.broken("sent an event that is no chunk of a completion") from None
        if not is_null(chunk.error) and not chunk.choices:
            raise read_embedded_error(event.data, provider=self.source.provider)
        told: list[Event] = []
        if not self._has_started:
            self._has_started = True
            told.append(Started(id=chunk.id, model=chunk.model))
        for choice in chunk.choices or ():
            told += self._of_choice(choice)
        if (usage := usage_of(chunk.usage)) is not None:
            told.append(UsageTold(usage=usage))
        return told

    def _of_choice(self, choice: _Choice) -> Iterator[Event]:
        at = choice.index
        self._ended.setdefault(at, False)
        if choice.text:
            yield TextDelta(text=choice.text, choice=at)
        if tokens := read_logprobs(choice.logprobs):
            yield LogprobsDelta(tokens=tokens, choice=at)
        if choice.finish_reason is not None and not self._ended[at]:
            self._ended[at] = True
            yield Finished(stop=STOPS.get(choice.finish_reason, StopReason.END), choice=at)
