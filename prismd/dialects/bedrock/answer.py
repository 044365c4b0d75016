"""Whole answers of Converse, read and written, ``usage``, and what its exceptions mean."""

import msgspec

from prismd.dialects.openai.usage import believable
from prismd.dialects.parts import arguments_object
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
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "guardrail_intervened": StopReason.CONTENT_FILTER,
    "content_filtered": StopReason.CONTENT_FILTER,
    "malformed_model_output": StopReason.ERROR,
    "malformed_tool_use": StopReason.ERROR,
}
"""What is not here is an end."""
REASONS = {
    StopReason.TOOL_USE: "tool_use",
    StopReason.LENGTH: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.CONTENT_FILTER: "content_filtered",
    StopReason.REFUSAL: "content_filtered",
    StopReason.ERROR: "malformed_model_output",
}
"""What is not here is ``end_turn``."""


class UsageBody(msgspec.Struct, rename="camel"):
    """``usage``: the input without what was read from or written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class _Use(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: Raw = _NONE


class _Text(msgspec.Struct):
    text: str = ""
    signature: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _Text | None = None
    redacted_content: str | None = None


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _Use | None = None
    reasoning_content: _Reasoning | None = None


class _Message(msgspec.Struct):
    content: list[_Block] | None = None


class _Output(msgspec.Struct):
    message: _Message | None = None


class _Body(msgspec.Struct, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None
    usage: UsageBody | None = None


_decode = msgspec.json.Decoder(_Body, strict=False).decode


def usage_of(told: UsageBody | None) -> Usage | None:
    """Return the counts in the gateway's own terms; None if they cannot be true."""
    if told is None:
        return None
    read, written = told.cache_read_input_tokens or 0, told.cache_write_input_tokens or 0
    return believable(
        Usage(
            input_tokens=(told.input_tokens or 0) + read + written,
            output_tokens=told.output_tokens or 0,
            cached_input_tokens=read,
            cache_write_tokens=written,
            requests=1,
        )
    )


def usage_body(usage: Usage) -> _Json:
    """Write ``usage``."""
    read, written = usage.cached_input_tokens, usage.cache_write_tokens
    return {
        "inputTokens": max(0, usage.input_tokens - read - written),
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
    }


def _read(body: bytes, provider: str) -> tuple[_Body, list[_Block]]:
    try:
        found = _decode(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        msg = f"Provider '{provider}' answered with something that is no conversation."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    if found.output is None or found.output.message is None:
        msg = f"Provider '{provider}' answered 200 without a message."
        raise UpstreamError(msg, provider=provider, upstream_status=200)
    return found, found.output.message.content or []


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is one, and return its usage; raises UpstreamError."""
    return usage_of(_read(body, provider)[0].usage)


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError."""
    found, blocks = _read(body, provider)
    parts = tuple(part for block in blocks if (part := _part(block)) is not None)
    stop = STOPS.get(found.stop_reason or "", StopReason.END)
    return Answer(choices=(AnswerChoice(parts=parts, stop=stop),), usage=usage_of(found.usage))


def _part(block: _Block) -> Text | ToolUse | Thinking | RedactedThinking | None:
    if block.text is not None:
        return Text(text=block.text)
    if (use := block.tool_use) is not None:
        arguments = bytes(use.input).decode() or "{}"
        return ToolUse(id=use.tool_use_id, name=use.name, arguments=arguments)
    if (thought := block.reasoning_content) is not None:
        if thought.redacted_content is not None:
            return RedactedThinking(data=thought.redacted_content)
        if (text := thought.reasoning_text) is not None:
            return Thinking(text=text.text, signature=text.signature)
    return None


def write_answer(answer: Answer) -> bytes:
    """Write a whole answer: of several choices the first, there is no place for more."""
    choice = answer.choices[0] if answer.choices else AnswerChoice()
    content = [block for part in choice.parts if (block := _block(part)) is not None]
    body: _Json = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": choice.stop and REASONS.get(choice.stop, "end_turn"),
        "metrics": {"latencyMs": 0},
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    return jsonio.encode(body)


def _block(part: object) -> _Json | None:
    match part:
        case Text():
            return {"text": part.text}
        case ToolUse():
            arguments = arguments_object(part.arguments)
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}
        case Thinking():
            sealed = {} if part.signature is None else {"signature": part.signature}
            return {"reasoningContent": {"reasoningText": {"text": part.text, **sealed}}}
        case RedactedThinking():
            return {"reasoningContent": {"redactedContent": part.data}}
        case _:
            return None
