"""A vendor's stream of pieces (``alt=sse``) → events."""

from collections.abc import Iterator

from prismd.dialects.decoding import StreamDecoder
from prismd.dialects.google.answer import (
    STOPS,
    Candidate,
    PartBody,
    read_body,
    read_logprobs,
    read_part,
    usage_of,
)
from prismd.dialects.source import SseSource
from prismd.kernel.sse import DONE, SseEvent
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Media,
    MediaMade,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolArguments,
    ToolStarted,
    ToolUse,
    UsageTold,
)


class GoogleDecoder(StreamDecoder[SseEvent]):
    """Read one stream (the port ``Decoder``): it is over when its bytes are."""

    def __init__(self, *, provider: str) -> None:
        super().__init__(SseSource(provider=provider))
        self._has_started = False
        self._finished: dict[int, bool] = {}
        """Choice → whether it has ended."""
        self._calls: dict[int, int] = {}

    @property
    def has_finished(self) -> bool:
        """Whether every choice so far has ended."""
        return bool(self._finished) and all(self._finished.values())

    def read(self, event: SseEvent) -> list[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or event.data == DONE or self.is_done:
            return []
        body = read_body(event.data, provider=self.source.provider)
        told: list[Event] = []
        if not self._has_started:
            self._has_started = True
            told.append(Started(id=body.response_id, model=body.model_version))
        for at, candidate in enumerate(body.candidates or ()):
            told += self._of_candidate(at, candidate)
        feedback = body.prompt_feedback
        if feedback is not None and feedback.block_reason and not self._finished:
            self._finished[0] = True
            told.append(Finished(stop=StopReason.CONTENT_FILTER))
        if (usage := usage_of(body.usage_metadata)) is not None:
            told.append(UsageTold(usage=usage))
        return told

    def _of_candidate(self, at: int, candidate: Candidate) -> Iterator[Event]:
        choice = at if candidate.index is None else candidate.index
        self._finished.setdefault(choice, False)
        if tokens := read_logprobs(candidate.logprobs_result):
            yield LogprobsDelta(tokens=tokens, choice=choice)
        for part in (candidate.content.parts if candidate.content else None) or ():
            yield from self._of_part(choice, part)
        if candidate.finish_reason and not self._finished[choice]:
            self._finished[choice] = True
            stop = STOPS.get(candidate.finish_reason, StopReason.END)
            if stop is StopReason.END and self._calls.get(choice):
                stop = StopReason.TOOL_USE
            yield Finished(stop=stop, choice=choice)

    def _of_part(self, choice: int, part: PartBody) -> Iterator[Event]:
        calls = self._calls.get(choice, 0)
        found = read_part(part, calls)
        match found:
            case Text():
                yield TextDelta(text=found.text, choice=choice, signature=found.signature)
            case Thinking():
                yield ThinkingDelta(text=found.text, choice=choice)
            case ToolUse():
                self._calls[choice] = calls + 1
                name, sealed = found.name, found.signature
                yield ToolStarted(
                    tool=calls, id=found.id, name=name, choice=choice, signature=sealed
                )
                yield ToolArguments(tool=calls, text=found.arguments, choice=choice)
            case Media():
                yield MediaMade(media=found, choice=choice)
            case _:
                pass
