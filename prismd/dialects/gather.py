"""A whole answer ⇄ the events of a stream, in the terms of ``wire/conversation``. Pure.

``Gathering`` puts events together, ``events_of`` takes an answer apart: a dialect needs to know
nothing of either.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Event,
    Finished,
    LogprobsDelta,
    Media,
    MediaMade,
    RedactedThinking,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    TokenLogprob,
    ToolArguments,
    ToolStarted,
    ToolUse,
    UsageTold,
)

AnswerPart: TypeAlias = Text | Media | ToolUse | Thinking | RedactedThinking

MAX_PARTS = 256
"""Choices, and parts of each, that are put together."""

_OBJECT = msgspec.Raw(b'{"type":"object"}')


class _Growing:
    """A part that is still being said."""

    __slots__ = ("kind", "part", "texts")

    def __init__(self, part: AnswerPart, text: str = "") -> None:
        self.part = part
        self.texts = [text] if text else []

    def done(self) -> AnswerPart:
        said = "".join(self.texts)
        match self.part:
            case Text() | Thinking():
                return replace(self.part, text=said)
            case ToolUse():
                return replace(self.part, arguments=said)
            case _:
                return self.part


class _Choice:
    def __init__(self) -> None:
        self.parts: list[_Growing] = []
        self.calls: dict[int, _Growing] = {}
        self.logprobs: list[TokenLogprob] = []
        self.end: Finished | None = None


class Gathering:
    """Puts the events of a stream together as one answer, up to a number of characters."""

    def __init__(self, *, max_chars: int | None = None) -> None:
        self.is_cut = False
        """Whether there was more than that."""
        self._left = max_chars
        self._started = Started()
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Started():
                self._started = event
            case UsageTold():
                self._usage = event.usage
            case _:
                self._add_to(event)

    def answer(self) -> Answer:
        """Return what has come so far."""
        choices = tuple(_closed(at, choice) for at, choice in sorted(self._choices.items()))
        usage = self._usage or self._started.usage
        return Answer(
            id=self._started.id,
            model=self._started.model,
            choices=choices or (AnswerChoice(),),
            usage=usage,
        )

    def _add_to(self, event: "_OfChoice") -> None:
        choice = self._choices.get(event.choice)
        if choice is None:
            if len(self._choices) >= MAX_PARTS:
                self.is_cut = True
                return
            choice = self._choices[event.choice] = _Choice()
        match event:
            case LogprobsDelta():
                choice.logprobs += event.tokens
            case Finished():
                choice.end = event
            case ToolStarted() | ToolArguments():
                self._add_call(choice, event)
            case _:
                self._add_part(choice, event)

    def _add_call(self, choice: _Choice, event: ToolStarted | ToolArguments) -> None:
        if isinstance(event, ToolArguments):
            if (call := choice.calls.get(event.tool)) is not None:
                self._say(call, event.text)
            return
        use = ToolUse(id=event.id, name=event.name, arguments="", signature=event.signature)
        choice.calls[event.tool] = self._begin(choice, use)

    def _add_part(self, choice: _Choice, event: "_OfPart") -> None:
        match event:
            case TextDelta():
                said = self._last(choice, Text(text=""))
                self._say(said, event.text)
                if event.signature is not None:
                    said.part = Text(text="", signature=event.signature)
            case ThinkingDelta():
                self._say(self._last(choice, Thinking(text="")), event.text)
            case ThinkingSigned():
                thought = self._last(choice, Thinking(text=""))
                thought.part = Thinking(text="", signature=event.signature)
            case ThinkingRedacted():
                self._begin(choice, RedactedThinking(data=event.data))
            case MediaMade():
                self._begin(choice, event.media)

    def _last(self, choice: _Choice, fresh: Text | Thinking) -> _Growing:
        """Return the part that goes on: the last, if it is of this kind and not sealed."""
        if choice.parts:
            last = choice.parts[-1]
            is_sealed = isinstance(last.part, Thinking) and last.part.signature is not None
            if type(last.part) is type(fresh) and not is_sealed:
                return last
        return self._begin(choice, fresh)

    def _begin(self, choice: _Choice, part: AnswerPart) -> _Growing:
        growing = _Growing(part)
        if len(choice.parts) < MAX_PARTS:
            choice.parts.append(growing)
        else:
            self.is_cut = True
        return growing

    def _say(self, part: _Growing, text: str) -> None:
        if self._left is not None:
            fitting = text[: self._left]
            self._left -= len(fitting)
            self.is_cut = self.is_cut or len(fitting) < len(text)
            text = fitting
        part.texts.append(text)


_OfPart: TypeAlias = TextDelta | ThinkingDelta | ThinkingSigned | ThinkingRedacted | MediaMade
_OfChoice: TypeAlias = _OfPart | ToolStarted | ToolArguments | LogprobsDelta | Finished


def _closed(index: int, choice: _Choice) -> AnswerChoice:
    end = choice.end
    return AnswerChoice(
        index=index,
        parts=tuple(part.done() for part in choice.parts),
        stop=None if end is None else end.stop,
        stop_sequence=None if end is None else end.stop_sequence,
        logprobs=tuple(choice.logprobs) or None,
    )


def events_of(answer: Answer) -> Iterator[Event]:
    """Take a whole answer apart, each part in one piece."""
    yield Started(id=answer.id, model=answer.model, usage=answer.usage)
    for choice in answer.choices:
        yield from _events_of(choice)
    if answer.usage is not None:
        yield UsageTold(usage=answer.usage)


def _events_of(choice: AnswerChoice) -> Iterator[Event]:
    at, tools = choice.index, 0
    if choice.logprobs:
        yield LogprobsDelta(tokens=choice.logprobs, choice=at)
    for part in choice.parts:
        match part:
            case Text():
                yield TextDelta(text=part.text, choice=at, signature=part.signature)
            case Thinking():
                yield ThinkingDelta(text=part.text, choice=at)
                if part.signature is not None:
                    yield ThinkingSigned(signature=part.signature, choice=at)
            case RedactedThinking():
                yield ThinkingRedacted(data=part.data, choice=at)
            case ToolUse():
                name, signature = part.name, part.signature
                yield ToolStarted(tool=tools, id=part.id, name=name, choice=at, signature=signature)
                yield ToolArguments(tool=tools, text=part.arguments, choice=at)
                tools += 1
            case Media():
                yield MediaMade(media=part, choice=at)
    if choice.stop is not None:
        yield Finished(stop=choice.stop, choice=at, stop_sequence=choice.stop_sequence)


def text_of(answer: Answer) -> str:
    """Return what the first choice says, calls of tools too, as text."""
    parts = answer.choices[0].parts if answer.choices else ()
    said = "".join(part.text for part in parts if isinstance(part, Text))
    calls = (f"{part.name}({part.arguments})" for part in parts if isinstance(part, ToolUse))
    return "\n".join(piece for piece in (said, *calls) if piece)
