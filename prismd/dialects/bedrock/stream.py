"""Streams of Converse: read, written and relayed. ``metadata`` with the usage follows the stop."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from prismd.dialects.base import About
from prismd.dialects.bedrock.answer import (
    REASONS,
    STOPS,
    UsageBody,
    usage_body,
    usage_of,
    write_answer,
)
from prismd.dialects.bedrock.eventstream import (
    MEDIA_TYPE,
    Broken,
    Message,
    MessageDecoder,
    event,
    exception,
)
from prismd.dialects.errors import bedrock_type, error_body
from prismd.dialects.gather import Gathering
from prismd.dialects.vendor_error import read_error
from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError, UpstreamError
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

_EXCEPTIONS = {
    "validationException": 400,
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "modelTimeoutException": 504,
}
"""What is not here is a fault of the vendor."""


class _Use(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: str = ""


class _Reasoning(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _Use | None = None
    reasoning_content: _Reasoning | None = None


class _Payload(msgspec.Struct, rename="camel"):
    content_block_index: int = 0
    start: _Part | None = None
    delta: _Part | None = None
    stop_reason: str | None = None
    usage: UsageBody | None = None


_decode = msgspec.json.Decoder(_Payload, strict=False).decode


class BedrockDecoder:
    """Read one stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        self.is_done = False
        self.has_stopped = False
        """Whether ``messageStop`` has come: ``metadata`` may follow."""
        self._provider = provider
        self._messages = MessageDecoder()
        self._tools: dict[int, int] = {}

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes; raises UpstreamError."""
        for message in self.messages(chunk):
            yield from self.read(message)

    def end(self) -> Iterator[Event]:
        """Take the end of the bytes; raises UpstreamError if it came too early."""
        self.check_end()
        yield from ()

    def messages(self, chunk: bytes) -> Iterator[Message]:
        """Cut the bytes into messages; raises UpstreamError."""
        try:
            yield from self._messages.feed(chunk)
        except Broken:
            raise self._broken("sent what is no event stream") from None

    def check_end(self) -> None:
        """Take the end; raises UpstreamError if it came too early."""
        if not self.has_stopped or not self._messages.is_between:
            msg = f"Provider '{self._provider}' ended the stream before the answer was complete."
            raise UpstreamError(msg, provider=self._provider, code="upstream_closed_early")
        self.is_done = True

    def read(self, message: Message) -> list[Event]:
        """Read one message; raises UpstreamError."""
        if self.is_done:
            return []
        headers = message.headers
        if headers.get(":message-type", "event") != "event":
            raise self._failed(message)
        try:
            payload = _decode(message.payload)
        except msgspec.ValidationError:
            return []  # JSON of a shape that is not known here
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self._broken("sent an event that is no JSON") from None
        return list(self._events(headers.get(":event-type", ""), payload))

    def _events(self, kind: str, payload: _Payload) -> Iterator[Event]:
        match kind:
            case "messageStart":
                yield Started()
            case "contentBlockStart" if payload.start is not None:
                if (use := payload.start.tool_use) is not None:
                    tool = self._tools[payload.content_block_index] = len(self._tools)
                    yield ToolStarted(tool=tool, id=use.tool_use_id, name=use.name)
            case "contentBlockDelta" if payload.delta is not None:
                yield from self._delta(payload.content_block_index, payload.delta)
            case "messageStop":
                self.has_stopped = True
                yield Finished(stop=STOPS.get(payload.stop_reason or "", StopReason.END))
            case "metadata":
                self.is_done = self.has_stopped
                if (usage := usage_of(payload.usage)) is not None:
                    yield UsageTold(usage=usage)
            case _:
                pass

    def _delta(self, index: int, delta: _Part) -> Iterator[Event]:
        if delta.text:
            yield TextDelta(text=delta.text)
        if delta.tool_use is not None and delta.tool_use.input and index in self._tools:
            yield ToolArguments(tool=self._tools[index], text=delta.tool_use.input)
        if (thought := delta.reasoning_content) is not None:
            if thought.text:
                yield ThinkingDelta(text=thought.text)
            if thought.signature:
                yield ThinkingSigned(signature=thought.signature)
            if thought.redacted_content:
                yield ThinkingRedacted(data=thought.redacted_content)

    def _failed(self, message: Message) -> UpstreamError:
        kind = message.headers.get(":exception-type", message.headers.get(":error-code", ""))
        status = _EXCEPTIONS.get(kind, 500)
        return read_error(status, {}, message.payload, provider=self._provider)

    def _broken(self, what: str) -> UpstreamError:
        return UpstreamError(
            f"Provider '{self._provider}' {what}; the answer is cut here.",
            provider=self._provider,
            code="invalid_upstream_response",
        )


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


class BedrockFollower:
    """Relay one stream (the port ``Follower``): the stop and what follows it are held back."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self.annotate: Callable[[Usage], bytes] | None = None
        self._encoder = BedrockEncoder(about)
        self._decoder = BedrockDecoder(provider=provider)
        self._kept: Gathering | None = None
        self._held: list[Message] = []

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield the messages to relay; raises UpstreamError."""
        for message in self._decoder.messages(chunk):
            self._look(message)
            if self._decoder.has_stopped:
                self._held.append(message)
            else:
                yield message.raw

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        self._decoder.check_end()
        yield from ()

    def last(self) -> bytes:
        """Return the vendor's last messages."""
        return b"".join(map(self._annotated, self._held))

    def failed(self, error: PrismError) -> bytes:
        """Return the message that says why there is no end."""
        return self._encoder.failed(error)

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer."""
        return write_answer((self._kept or Gathering()).answer())

    def _annotated(self, message: Message) -> bytes:
        is_last = message.headers.get(":event-type") == "metadata"
        if not is_last or self.annotate is None or self.usage is None:
            return message.raw
        data = message.payload.rstrip().removesuffix(b"}")
        return event("metadata", data + b',"prism":' + self.annotate(self.usage) + b"}")

    def _look(self, message: Message) -> None:
        for told in self._decoder.read(message):
            if self._kept is not None:
                self._kept.add(told)
            match told:
                case TextDelta() | ThinkingDelta() | ToolArguments():
                    self.output_chars += len(told.text)
                    self.output_deltas += 1
                case UsageTold():
                    self.usage = told.usage
                case _:
                    pass
