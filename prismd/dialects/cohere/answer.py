"""Whole answers of Cohere's Chat, read and written, and ``usage``."""

import msgspec

from prismd.dialects.base import About
from prismd.dialects.cohere.request import ToolCall
from prismd.dialects.openai.usage import believable
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolUse,
)

_Json = dict[str, object]

STOPS = {
    "COMPLETE": StopReason.END,
    "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
    "MAX_TOKENS": StopReason.LENGTH,
    "TOOL_CALL": StopReason.TOOL_USE,
    "ERROR": StopReason.ERROR,
    "TIMEOUT": StopReason.ERROR,
}
"""What is not here is an end."""
REASONS = {
    StopReason.STOP_SEQUENCE: "STOP_SEQUENCE",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.TOOL_USE: "TOOL_CALL",
    StopReason.ERROR: "ERROR",
}
"""What is not here is ``COMPLETE``."""


class _Counts(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class UsageBody(msgspec.Struct):
    """``usage``: what is billed, and what the model saw."""

    billed_units: _Counts | None = None
    tokens: _Counts | None = None
    cached_tokens: float | None = None


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Message(msgspec.Struct):
    content: list[_Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None


class Logprobs(msgspec.Struct):
    """How likely some tokens were."""

    text: str | None = None
    logprobs: list[float] | None = None


class _Body(msgspec.Struct):
    id: str | None = None
    message: _Message | str | None = None
    finish_reason: str | None = None
    usage: UsageBody | None = None
    logprobs: list[Logprobs] | None = None


_decode = msgspec.json.Decoder(_Body, strict=False).decode


def usage_of(told: UsageBody | None) -> Usage | None:
    """Return what is billed; None if it is not told or cannot be true."""
    if told is None:
        return None
    counts = told.billed_units or told.tokens or _Counts()
    if counts.input_tokens is None and counts.output_tokens is None and told.tokens is not None:
        counts = told.tokens
    return believable(
        Usage(
            input_tokens=int(counts.input_tokens or 0),
            output_tokens=int(counts.output_tokens or 0),
            cached_input_tokens=int(told.cached_tokens or 0),
            requests=1,
        )
    )


def usage_body(usage: Usage) -> _Json:
    """Write ``usage``."""
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    cached = usage.cached_input_tokens
    return {"billed_units": counts, "tokens": counts, "cached_tokens": cached}


def _read(body: bytes, provider: str) -> _Body:
    try:
        found = _decode(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError):
        msg = f"Provider '{provider}' answered with something that is no chat answer."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    if not isinstance(found.message, _Message):
        detail = f": {found.message[:300]}" if found.message else "."
        msg = f"Provider '{provider}' answered 200 without an answer{detail}"
        raise UpstreamError(msg, provider=provider, upstream_status=200)
    return found


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is one, and return its usage; raises UpstreamError."""
    return usage_of(_read(body, provider).usage)


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError."""
    found = _read(body, provider)
    message = found.message
    assert isinstance(message, _Message)  # noqa: S101  # that was checked
    parts: list[Text | Thinking | ToolUse] = []
    if message.tool_plan:
        parts.append(Thinking(text=message.tool_plan))
    for part in message.content or ():
        if part.thinking:
            parts.append(Thinking(text=part.thinking))
        if part.text:
            parts.append(Text(text=part.text))
    parts += [
        ToolUse(
            id=call.id or f"call_{at}",
            name=call.function.name,
            arguments=call.function.arguments or "",
        )
        for at, call in enumerate(message.tool_calls or ())
        if call.function is not None
    ]
    stop = STOPS.get(found.finish_reason or "", StopReason.END)
    logprobs = read_logprobs(found.logprobs)
    choice = AnswerChoice(parts=tuple(parts), stop=stop, logprobs=logprobs)
    return Answer(id=found.id, choices=(choice,), usage=usage_of(found.usage))


def read_logprobs(told: list[Logprobs] | None) -> tuple[TokenLogprob, ...] | None:
    """Read how likely the tokens were; several in one text share the last number."""
    if not told:
        return None
    return tuple(
        TokenLogprob(token=one.text, logprob=one.logprobs[-1])
        for one in told
        if one.text is not None and one.logprobs
    )


def write_answer(answer: Answer, about: About) -> bytes:
    """Write a whole answer: of several choices the first, there is no place for more."""
    choice = answer.choices[0] if answer.choices else AnswerChoice()
    calls = [part for part in choice.parts if isinstance(part, ToolUse)]
    message: _Json = {"role": "assistant"}
    content: list[_Json] = []
    for part in choice.parts:
        if isinstance(part, Thinking) and calls:
            message["tool_plan"] = f"{message.get('tool_plan', '')}{part.text}"
        elif isinstance(part, Thinking):
            content.append({"type": "thinking", "thinking": part.text})
        elif isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
    if content or not calls:
        message["content"] = content
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    body: _Json = {
        "id": answer.id or about.id,
        "finish_reason": choice.stop and REASONS.get(choice.stop, "COMPLETE"),
        "message": message,
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    if choice.logprobs is not None:
        body["logprobs"] = [write_logprob(one) for one in choice.logprobs]
    return jsonio.encode(body)


def write_logprob(token: TokenLogprob) -> _Json:
    """Write how likely a token was."""
    return {"token_ids": [], "text": token.token, "logprobs": [token.logprob]}
