"""Events → a stream of chat chunks."""

from collections.abc import Callable

import msgspec

from prismd.dialects.base import About
from prismd.dialects.errors import error_event
from prismd.dialects.openai.answer import FINISH, extra_of, head, write_logprobs
from prismd.dialects.openai.usage import usage_body
from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import DONE, MEDIA_TYPE, encode
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    TokenLogprob,
    ToolArguments,
    ToolStarted,
    UsageTold,
)

_Json = dict[str, object]


class OpenAIEncoder:
    """Write one stream (the port ``Encoder``)."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._head = head(about, "chat.completion.chunk", answer_id=None, model=None)
        self._begun: set[int] = set()
        """Choices whose role has been told."""
        self._tokens: dict[int, tuple[TokenLogprob, ...]] = {}
        """Choice → tokens that are told with the words behind them."""

    def encode(self, event: Event) -> bytes:
        """Write an event."""
        match event:
            case Started():
                kind = "chat.completion.chunk"
                self._head = head(self._about, kind, answer_id=event.id, model=event.model)
                return b""
            case LogprobsDelta():
                self._tokens[event.choice] = self._tokens.get(event.choice, ()) + event.tokens
                return b""
            case UsageTold():
                return self._usage(event.usage)
            case Finished():
                return self._chunk(event.choice, {}, finish=FINISH.get(event.stop, "stop"))
            case _:
                delta = _delta(event)
                return b"" if delta is None else self._chunk(event.choice, delta)

    def last(self) -> bytes:
        """Return the end marker."""
        return encode(DONE)

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, DialectName.OPENAI)

    def _chunk(self, choice: int, delta: _Json, *, finish: str | None = None) -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", "content": "", **delta}
        tokens = self._tokens.pop(choice, ())
        logprobs = write_logprobs(tokens) if tokens else None
        said = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        last = {"usage": None} if self._about.wants_usage else {}
        return encode(jsonio.encode({**self._head, "choices": [said], **last}))

    def _usage(self, usage: Usage) -> bytes:
        if not self._about.wants_usage:
            return b""
        body = {**self._head, "choices": [], "usage": usage_body(usage)}
        if self.annotate is not None:
            body["prism"] = msgspec.Raw(self.annotate(usage))
        return encode(jsonio.encode(body))


def _delta(event: Event) -> _Json | None:
    match event:
        case TextDelta():
            return {"content": event.text}
        case ThinkingDelta():
            return {"reasoning_content": event.text}
        case ThinkingSigned():
            block = {"type": "thinking", "thinking": "", "signature": event.signature}
            return {"thinking_blocks": [block]}
        case ThinkingRedacted():
            return {"thinking_blocks": [{"type": "redacted_thinking", "data": event.data}]}
        case ToolStarted():
            function = {"name": event.name, "arguments": ""}
            call = {"index": event.tool, "id": event.id, "type": "function", "function": function}
            return {"tool_calls": [{**call, **extra_of(event.signature)}]}
        case ToolArguments():
            function = {"arguments": event.text}
            return {"tool_calls": [{"index": event.tool, "function": function}]}
        case _:
            return None
