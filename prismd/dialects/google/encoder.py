"""Events → pieces of an answer: server-sent events, or the elements of a JSON array.

Google does not stream arguments: a call is written when it is whole. The piece that says why an
answer ended, with what was used, is the last one.
"""

from collections.abc import Callable

import msgspec

from prismd.dialects.base import About
from prismd.dialects.errors import error_body
from prismd.dialects.google.answer import REASONS, tail, usage_body, write_logprobs, write_part
from prismd.kernel import jsonio, sse
from prismd.kernel.errors import PrismError
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
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
    TokenLogprob,
    ToolArguments,
    ToolStarted,
    ToolUse,
    UsageTold,
)

_Json = dict[str, object]


class Framing:
    """How pieces follow one another: as events, or as elements of an array."""

    def __init__(self, *, is_array: bool) -> None:
        self.media_type = "application/json" if is_array else sse.MEDIA_TYPE
        self._is_array = is_array
        self._has_begun = False

    def piece(self, data: bytes) -> bytes:
        """Write one piece."""
        if not self._is_array:
            return sse.encode(data)
        before = b"," if self._has_begun else b"["
        self._has_begun = True
        return before + data

    def end(self) -> bytes:
        """Write what follows the last piece."""
        if not self._is_array:
            return b""
        return b"]" if self._has_begun else b"[]"


class _Calling:
    """A call whose arguments are still coming."""

    def __init__(self, started: ToolStarted) -> None:
        self.started = started
        self.arguments: list[str] = []

    def part(self) -> ToolUse:
        start = self.started
        arguments = "".join(self.arguments)
        return ToolUse(id=start.id, name=start.name, arguments=arguments, signature=start.signature)


def _part(event: TextDelta | ThinkingDelta | MediaMade) -> Text | Thinking | Media:
    match event:
        case TextDelta():
            return Text(text=event.text, signature=event.signature)
        case ThinkingDelta():
            return Thinking(text=event.text)
        case MediaMade():
            return event.media


class GoogleEncoder:
    """Write one stream (the port ``Encoder``)."""

    def __init__(self, about: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._framing = Framing(is_array=about.is_array)
        self._tail = tail(about, answer_id=None, model=None)
        self._calls: dict[tuple[int, int], _Calling] = {}
        self._ends: dict[int, StopReason] = {}
        self._tokens: dict[int, tuple[TokenLogprob, ...]] = {}
        self._usage: Usage | None = None

    @property
    def media_type(self) -> str:
        """The content type of what goes out."""
        return self._framing.media_type

    def encode(self, event: Event) -> bytes:
        """Write an event; calls wait for their arguments, the end for what was used."""
        match event:
            case Started():
                self._tail = tail(self._about, answer_id=event.id, model=event.model)
            case UsageTold():
                self._usage = event.usage
            case LogprobsDelta():
                self._tokens[event.choice] = self._tokens.get(event.choice, ()) + event.tokens
            case ToolStarted():
                self._calls[event.choice, event.tool] = _Calling(event)
            case ToolArguments():
                if (call := self._calls.get((event.choice, event.tool))) is not None:
                    call.arguments.append(event.text)
            case Finished():
                self._ends[event.choice] = event.stop
                return self._flushed(event.choice)
            case TextDelta() | ThinkingDelta() | MediaMade():
                said = write_part(_part(event))
                return self._flushed(event.choice) + self._said(event.choice, said)
            case _:
                pass
        return b""

    def last(self) -> bytes:
        """Write the last piece: why each choice ended, and what was used."""
        ends = self._ends or {0: StopReason.END}
        body: _Json = {"candidates": [self._end(at, stop) for at, stop in sorted(ends.items())]}
        if self._usage is not None:
            body["usageMetadata"] = usage_body(self._usage)
        body |= self._tail
        if self.annotate is not None and self._usage is not None:
            body["prism"] = msgspec.Raw(self.annotate(self._usage))
        return self._framing.piece(jsonio.encode(body)) + self._framing.end()

    def failed(self, error: PrismError) -> bytes:
        """Write an error in place of what would come."""
        return self._framing.piece(error_body(error, DialectName.GOOGLE)) + self._framing.end()

    def _end(self, at: int, stop: StopReason) -> _Json:
        body: _Json = {"content": {"parts": [], "role": "model"}}
        body |= {"finishReason": REASONS.get(stop, "STOP"), "index": at}
        if tokens := self._tokens.pop(at, ()):
            body["logprobsResult"] = write_logprobs(tokens)
        return body

    def _flushed(self, choice: int) -> bytes:
        """Write the calls of a choice that wait: something else begins."""
        waiting = sorted(key for key in self._calls if key[0] == choice)
        parts = (write_part(self._calls.pop(key).part()) for key in waiting)
        return b"".join(self._said(choice, part) for part in parts)

    def _said(self, choice: int, part: _Json | None) -> bytes:
        if part is None:
            return b""
        candidate: _Json = {"content": {"parts": [part], "role": "model"}, "index": choice}
        if tokens := self._tokens.pop(choice, ()):
            candidate["logprobsResult"] = write_logprobs(tokens)
        return self._framing.piece(jsonio.encode({"candidates": [candidate], **self._tail}))
