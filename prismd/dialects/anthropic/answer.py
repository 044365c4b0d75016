"""Whole messages, read and written, and ``usage``."""

import msgspec

from prismd.dialects.base import About
from prismd.dialects.openai.usage import believable
from prismd.dialects.parts import arguments_object
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    RedactedThinking,
    StopReason,
    Text,
    Thinking,
    ToolUse,
)

Raw = msgspec.Raw
_NONE = Raw()
_Json = dict[str, object]

STOPS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_USE,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
}
"""What is not here is an end."""
REASONS = {
    StopReason.END: "end_turn",
    StopReason.LENGTH: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.TOOL_USE: "tool_use",
    StopReason.PAUSE: "pause_turn",
    StopReason.REFUSAL: "refusal",
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.ERROR: "end_turn",
}


class _ServerTools(msgspec.Struct):
    web_search_requests: int | None = None


class UsageBody(msgspec.Struct):
    """``usage``: the input without what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    server_tool_use: _ServerTools | None = None


_decode_usage = msgspec.json.Decoder(UsageBody, strict=False).decode


def usage_of(raw: Raw, before: UsageBody | None = None) -> UsageBody | None:
    """Read ``usage``; what a later report does not say is as before."""
    if bytes(raw) in (b"", b"null"):
        return before
    try:
        told = _decode_usage(raw)
    except msgspec.DecodeError:
        return before
    if before is not None:
        for name in UsageBody.__struct_fields__:
            if getattr(told, name) is None:
                setattr(told, name, getattr(before, name))
    return told


def normalised(body: UsageBody | None) -> Usage | None:
    """Return the counts in the gateway's own terms; None if they cannot be true."""
    if body is None:
        return None
    read = body.cache_read_input_tokens or 0
    written = body.cache_creation_input_tokens or 0
    searches = body.server_tool_use.web_search_requests if body.server_tool_use else 0
    return believable(
        Usage(
            input_tokens=(body.input_tokens or 0) + read + written,
            output_tokens=body.output_tokens or 0,
            cached_input_tokens=read,
            cache_write_tokens=written,
            searches=searches or 0,
            requests=1,
        )
    )


def usage_body(usage: Usage) -> _Json:
    """Write ``usage``."""
    cached = usage.cached_input_tokens + usage.cache_write_tokens
    body: _Json = {
        "input_tokens": max(0, usage.input_tokens - cached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.searches:
        body["server_tool_use"] = {"web_search_requests": usage.searches}
    return body


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: Raw = _NONE
    thinking: str = ""
    signature: str | None = None
    data: str = ""


class _Message(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Raw = _NONE


_decode = msgspec.json.Decoder(_Message).decode
_decode_block = msgspec.json.Decoder(_Block).decode


def _read(body: bytes, provider: str) -> _Message:
    try:
        message = _decode(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        msg = f"Provider '{provider}' answered with something that is no message."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    if message.type == "error":
        raise read_embedded_error(body, provider=provider)
    if message.content is None:
        msg = f"Provider '{provider}' answered 200 without a message."
        raise UpstreamError(msg, provider=provider, upstream_status=200)
    return message


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is a message, and return its usage; raises UpstreamError."""
    return normalised(usage_of(_read(body, provider).usage))


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError."""
    message = _read(body, provider)
    parts = [part for raw in message.content or () if (part := _part(raw)) is not None]
    choice = AnswerChoice(
        parts=tuple(parts),
        stop=STOPS.get(message.stop_reason or "", StopReason.END),
        stop_sequence=message.stop_sequence,
    )
    usage = normalised(usage_of(message.usage))
    return Answer(id=message.id, model=message.model, choices=(choice,), usage=usage)


def _part(raw: Raw) -> Text | ToolUse | Thinking | RedactedThinking | None:
    """Read a block; what a vendor's own tools did is passed over."""
    try:
        block = _decode_block(raw)
    except msgspec.DecodeError:
        return None
    match block.type:
        case "text":
            return Text(text=block.text)
        case "tool_use":
            arguments = bytes(block.input).decode() or "{}"
            return ToolUse(id=block.id, name=block.name, arguments=arguments)
        case "thinking":
            return Thinking(text=block.thinking, signature=block.signature or None)
        case "redacted_thinking":
            return RedactedThinking(data=block.data)
        case _:
            return None


def head(about: About, *, answer_id: str | None, model: str | None) -> _Json:
    """Return what a message begins with."""
    return {
        "id": answer_id or f"msg_{about.id}",
        "type": "message",
        "role": "assistant",
        "model": model or about.model,
    }


def write_answer(answer: Answer, about: About) -> bytes:
    """Write a whole answer: of several choices the first, there is no place for more."""
    choice = answer.choices[0] if answer.choices else AnswerChoice()
    content = [block for part in choice.parts if (block := _block(part)) is not None]
    return jsonio.encode(
        {
            **head(about, answer_id=answer.id, model=answer.model),
            "content": content,
            "stop_reason": choice.stop and REASONS[choice.stop],
            "stop_sequence": choice.stop_sequence,
            "usage": usage_body(answer.usage or Usage()),
        }
    )


def _block(part: object) -> _Json | None:
    match part:
        case Text():
            return {"type": "text", "text": part.text, "citations": None} if part.text else None
        case ToolUse():
            arguments = arguments_object(part.arguments)
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
        case Thinking():
            signature = part.signature or ""
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": part.data}
        case _:
            return None
