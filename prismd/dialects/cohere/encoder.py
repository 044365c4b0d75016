"""Events → a stream of Cohere's Chat; ``message-end`` is the last of it."""

from collections.abc import Callable, Mapping

import msgspec

from prismd.dialects.base import About
from prismd.dialects.cohere.answer import REASONS, usage_body, write_logprob
from prismd.dialects.errors import error_event
from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import MEDIA_TYPE, encode
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Started,
    StopReason,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolArguments,
    ToolStarted,
    UsageTold,
)

_Json = dict[str, object]


class CohereEncoder:
    """Write one stream (the port ``Encoder``): of several choices the first."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._has_started = False
        self._parts = 0
        self._open: str | None = None
        """The kind of part that is open: text, thinking or tool."""
        self._tokens: tuple[TokenLogprob, ...] = ()
        self._tool = 0
        self._stop = StopReason.END
        self._usage: Usage | None = None

    def encode(self, event: Event) -> bytes:
        """Write an event."""
        match event:
            case Started():
                return self._start(event.id)
            case UsageTold():
                self._usage = event.usage
                return b""
            case _ if event.choice:
                return b""
            case _:
                return self._start(None) + self._of_choice(event)

    def last(self) -> bytes:
        """Write the end: why, and what was used."""
        delta: _Json = {"finish_reason": REASONS.get(self._stop, "COMPLETE")}
        if self._usage is not None:
            delta["usage"] = usage_body(self._usage)
        body: _Json = {"type": "message-end", "delta": delta}
        if self.annotate is not None and self._usage is not None:
            body["prism"] = msgspec.Raw(self.annotate(self._usage))
        return self._start(None) + self._close() + _event(body)

    def failed(self, error: PrismError) -> bytes:
        """Write an error in place of what would come."""
        return error_event(error, DialectName.COHERE, request_id=self._about.id)

    def _start(self, answer_id: str | None) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        delta = {"message": {**empty, "citations": []}}
        return _event({"id": answer_id or self._about.id, "type": "message-start", "delta": delta})

    def _of_choice(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._say("text", event.text)
            case ThinkingDelta():
                return self._say("thinking", event.text)
            case ToolStarted():
                closed = self._close()
                self._open, self._tool = "tool", event.tool
                function = {"name": event.name, "arguments": ""}
                call = {"id": event.id, "type": "function", "function": function}
                return closed + _of_call("tool-call-start", event.tool, call)
            case ToolArguments():
                call = {"function": {"arguments": event.text}}
                return _of_call("tool-call-delta", event.tool, call)
            case LogprobsDelta():
                self._tokens += event.tokens
            case Finished():
                self._stop = event.stop
                return self._close()
            case _:
                pass
        return b""

    def _say(self, kind: str, text: str) -> bytes:
        begun = b""
        if self._open != kind:
            begun = self._close()
            self._open = kind
            begun += self._content("content-start", {"type": kind, kind: ""})
        return begun + self._content("content-delta", {kind: text})

    def _content(self, kind: str, content: Mapping[str, object]) -> bytes:
        body: _Json = {
            "type": kind,
            "index": self._parts,
            "delta": {"message": {"content": content}},
        }
        if self._tokens and kind == "content-delta":
            token, *rest = self._tokens
            body["logprobs"] = write_logprob(token)
            self._tokens = tuple(rest)
        return _event(body)

    def _close(self) -> bytes:
        kind, self._open = self._open, None
        if kind is None:
            return b""
        if kind == "tool":
            return _event({"type": "tool-call-end", "index": self._tool})
        self._parts += 1
        return _event({"type": "content-end", "index": self._parts - 1})


def _of_call(kind: str, tool: int, call: Mapping[str, object]) -> bytes:
    return _event({"type": kind, "index": tool, "delta": {"message": {"tool_calls": call}}})


def _event(body: Mapping[str, object]) -> bytes:
    return encode(jsonio.encode(body), event=str(body["type"]))
