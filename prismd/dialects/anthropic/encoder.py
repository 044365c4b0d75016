"""Events → a stream of Messages events."""

from collections.abc import Callable, Mapping

import msgspec

from prismd.dialects.anthropic.answer import REASONS, head, usage_body
from prismd.dialects.base import About
from prismd.dialects.errors import error_event
from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import MEDIA_TYPE, encode
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
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

_Json = dict[str, object]


class AnthropicEncoder:
    """Write one stream (the port ``Encoder``): of several choices the first.

    A block is open until another one begins. Calls of tools that are interleaved stay open
    together; all are closed when something else begins, or at the end.
    """

    media_type = MEDIA_TYPE

    def __init__(self, about: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._has_started = False
        self._blocks = 0
        """How many have begun."""
        self._open: str | None = None
        """The kind of block that is open: text, thinking or tool_use."""
        self._tools: dict[int, int] = {}
        """Call → index of its block, while it is open."""
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def encode(self, event: Event) -> bytes:
        """Write an event; the end is held back until it is known what the call used."""
        if isinstance(event, Started):
            return self._start(event)
        if isinstance(event, UsageTold):
            self._usage = event.usage
            return b""
        if event.choice:
            return b""
        begun = b"" if self._has_started else self._start(Started())
        match event:
            case TextDelta():
                told = self._say("text", {"type": "text_delta", "text": event.text})
            case ThinkingDelta():
                told = self._say("thinking", {"type": "thinking_delta", "thinking": event.text})
            case ThinkingSigned():
                delta = {"type": "signature_delta", "signature": event.signature}
                told = self._say("thinking", delta) + self._close()
            case ThinkingRedacted():
                block = {"type": "redacted_thinking", "data": event.data}
                told = self._close() + self._begin(block) + self._stop(self._blocks - 1)
            case ToolStarted() | ToolArguments():
                told = self._call(event)
            case Finished():
                self._finished = event
                told = self._close()
            case _:
                told = b""
        return begun + told

    def last(self) -> bytes:
        """Write the end: why, what was used, and that it is all."""
        begun = b"" if self._has_started else self._start(Started())
        end = self._finished or Finished(stop=StopReason.END)
        usage = self._usage or Usage()
        body: _Json = {
            "type": "message_delta",
            "delta": {"stop_reason": REASONS[end.stop], "stop_sequence": end.stop_sequence},
            "usage": usage_body(usage),
        }
        if self.annotate is not None and self._usage is not None:
            body["prism"] = msgspec.Raw(self.annotate(usage))
        return begun + self._close() + _event(body) + _event({"type": "message_stop"})

    def failed(self, error: PrismError) -> bytes:
        """Write an error in place of what would come."""
        return error_event(error, DialectName.ANTHROPIC, request_id=self._about.id)

    def _start(self, started: Started) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        usage = usage_body(started.usage or Usage())
        message = {
            **head(self._about, answer_id=started.id, model=started.model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return _event({"type": "message_start", "message": message})

    def _say(self, kind: str, delta: Mapping[str, object]) -> bytes:
        begun = b""
        if self._open != kind:
            empty: _Json = {"type": kind, kind: ""}
            begun = self._close() + self._begin(empty | _empty(kind))
            self._open = kind
        return begun + self._delta(self._blocks - 1, delta)

    def _call(self, event: ToolStarted | ToolArguments) -> bytes:
        if isinstance(event, ToolArguments):
            at = self._tools.get(event.tool)
            if at is None:
                return b""
            return self._delta(at, {"type": "input_json_delta", "partial_json": event.text})
        closed = b"" if self._open == "tool_use" else self._close()
        self._open = "tool_use"
        self._tools[event.tool] = self._blocks
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        return closed + self._begin(block)

    def _begin(self, block: Mapping[str, object]) -> bytes:
        self._blocks += 1
        index = self._blocks - 1
        return _event({"type": "content_block_start", "index": index, "content_block": block})

    def _delta(self, index: int, delta: Mapping[str, object]) -> bytes:
        return _event({"type": "content_block_delta", "index": index, "delta": delta})

    def _stop(self, index: int) -> bytes:
        return _event({"type": "content_block_stop", "index": index})

    def _close(self) -> bytes:
        """Close what is open."""
        if self._open is None:
            return b""
        indexes = list(self._tools.values()) if self._open == "tool_use" else [self._blocks - 1]
        self._open = None
        self._tools.clear()
        return b"".join(self._stop(index) for index in indexes)


def _empty(kind: str) -> _Json:
    return {"signature": ""} if kind == "thinking" else {"citations": None}


def _event(body: _Json) -> bytes:
    return encode(jsonio.encode(body), event=str(body["type"]))
