"""Events → a stream of Converse; ``metadata`` with the usage follows the stop."""

from collections.abc import Callable, Mapping

import msgspec

from prismd.dialects.base import About
from prismd.dialects.bedrock.answer import (
    REASONS,
    usage_body,
)
from prismd.dialects.bedrock.eventstream import (
    MEDIA_TYPE,
    event,
    exception,
)
from prismd.dialects.errors import bedrock_type, error_body
from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
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


class BedrockEncoder:
    """Write one stream (the port ``Encoder``): of several choices the first."""

    media_type = MEDIA_TYPE

    def __init__(self, _: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._has_started = False
        self._blocks = 0
        self._open: str | None = None
        self._tools: dict[int, int] = {}
        self._stop = StopReason.END
        self._usage: Usage | None = None

    def encode(self, event: Event) -> bytes:
        """Write an event."""
        match event:
            case Started():
                return self._start()
            case UsageTold():
                self._usage = event.usage
                return b""
            case _ if event.choice:
                return b""
            case _:
                return self._start() + self._of_choice(event)

    def last(self) -> bytes:
        """Write the end: why, and what was used."""
        stop = _event("messageStop", {"stopReason": REASONS.get(self._stop, "end_turn")})
        usage = self._usage or Usage()
        body: _Json = {"usage": usage_body(usage), "metrics": {"latencyMs": 0}}
        if self.annotate is not None and self._usage is not None:
            body["prism"] = msgspec.Raw(self.annotate(usage))
        return self._start() + self._close() + stop + _event("metadata", body)

    def failed(self, error: PrismError) -> bytes:
        """Write an error in place of what would come."""
        kind = bedrock_type(error)
        kind = kind[:1].lower() + kind[1:]
        return exception(kind, error_body(error, DialectName.BEDROCK))

    def _start(self) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        return _event("messageStart", {"role": "assistant"})

    def _of_choice(self, told: Event) -> bytes:
        match told:
            case TextDelta():
                return self._say("text", {"text": told.text})
            case ThinkingDelta():
                return self._say("thinking", {"reasoningContent": {"text": told.text}})
            case ThinkingSigned():
                delta = {"reasoningContent": {"signature": told.signature}}
                return self._say("thinking", delta) + self._close()
            case ThinkingRedacted():
                delta = {"reasoningContent": {"redactedContent": told.data}}
                return self._close() + self._say("redacted", delta) + self._close()
            case ToolStarted() | ToolArguments():
                return self._call(told)
            case Finished():
                self._stop = told.stop
                return self._close()
            case _:
                return b""

    def _say(self, kind: str, delta: Mapping[str, object]) -> bytes:
        closed = b""
        if self._open != kind:
            closed = self._close()
            self._open = kind
            self._blocks += 1
        return closed + _delta(self._blocks - 1, delta)

    def _call(self, told: ToolStarted | ToolArguments) -> bytes:
        if isinstance(told, ToolArguments):
            at = self._tools.get(told.tool)
            return b"" if at is None else _delta(at, {"toolUse": {"input": told.text}})
        closed = b"" if self._open == "tool" else self._close()
        self._open = "tool"
        self._tools[told.tool] = self._blocks
        self._blocks += 1
        start = {"toolUse": {"toolUseId": told.id, "name": told.name}}
        body = {"contentBlockIndex": self._blocks - 1, "start": start}
        return closed + _event("contentBlockStart", body)

    def _close(self) -> bytes:
        kind, self._open = self._open, None
        if kind is None:
            return b""
        indexes = list(self._tools.values()) if kind == "tool" else [self._blocks - 1]
        self._tools.clear()
        return b"".join(_event("contentBlockStop", {"contentBlockIndex": at}) for at in indexes)


def _event(kind: str, body: Mapping[str, object]) -> bytes:
    return event(kind, jsonio.encode(body))


def _delta(index: int, delta: Mapping[str, object]) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
