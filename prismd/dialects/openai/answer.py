"""Whole chat completions, read and written."""

import msgspec

from prismd.dialects.base import About
from prismd.dialects.openai.read import ThinkingBlock
from prismd.dialects.openai.request import read_usage
from prismd.dialects.openai.usage import ABSENT, usage_body
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Media,
    MediaKind,
    RedactedThinking,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolUse,
)

_Json = dict[str, object]

FINISH = {
    StopReason.LENGTH: "length",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
}
"""What is not here is ``stop``."""
STOPS = {
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.CONTENT_FILTER,
    "error": StopReason.ERROR,
}
"""What is not here is an end."""


class Function(msgspec.Struct):
    """What is called."""

    name: str | None = None
    arguments: str | None = None


class _Google(msgspec.Struct):
    thought_signature: str | None = None


class Extra(msgspec.Struct):
    """What Google adds to a call."""

    google: _Google | None = None


class ToolCall(msgspec.Struct):
    """A call, whole or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: Extra | None = None

    @property
    def signature(self) -> str | None:
        """Google's signature of the thought that led here."""
        google = self.extra_content.google if self.extra_content else None
        return google.thought_signature if google else None


class _Top(msgspec.Struct):
    token: str
    logprob: float


class _Token(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[_Top] | None = None


class Logprobs(msgspec.Struct):
    """How likely the tokens were."""

    content: list[_Token] | None = None


class _Audio(msgspec.Struct):
    data: str | None = None
    transcript: str | None = None


class _TextPart(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_TextPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: msgspec.Raw = ABSENT
    thinking_blocks: list[ThinkingBlock] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    audio: _Audio | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Completion(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None


_decode = msgspec.json.Decoder(_Completion, strict=False).decode
_decode_text = msgspec.json.Decoder(str).decode


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError."""
    usage = read_usage(body, provider=provider)
    try:
        completion = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        msg = f"Provider '{provider}' answered with a chat completion of an unknown shape."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    choices = tuple(_choice(at, choice) for at, choice in enumerate(completion.choices or ()))
    return Answer(id=completion.id, model=completion.model, choices=choices, usage=usage)


def _choice(at: int, choice: _Choice) -> AnswerChoice:
    message = choice.message or _Message()
    parts = [*_thoughts(message), *_words(message), *_calls(message)]
    stop = STOPS.get(choice.finish_reason or "", StopReason.END)
    if message.refusal and stop is StopReason.END:
        stop = StopReason.REFUSAL
    return AnswerChoice(
        index=at if choice.index is None else choice.index,
        parts=tuple(parts),
        stop=stop,
        logprobs=read_logprobs(choice.logprobs),
    )


def _thoughts(message: _Message) -> list[Thinking | RedactedThinking]:
    if message.thinking_blocks:
        return [
            RedactedThinking(data=block.data)
            if block.type == "redacted_thinking"
            else Thinking(text=block.thinking, signature=block.signature)
            for block in message.thinking_blocks
        ]
    text = message.reasoning_content or reasoning_text(message.reasoning)
    return [Thinking(text=text)] if text else []


def reasoning_text(raw: msgspec.Raw) -> str | None:
    """Read the thought where some vendors have it; an object there is no text."""
    return _decode_text(raw) if bytes(raw).startswith(b'"') else None


def _words(message: _Message) -> list[Text | Media]:
    content = message.content or ""
    if not isinstance(content, str):
        content = "".join(part.text or "" for part in content)
    words: list[Text | Media] = [Text(text=text) for text in (content, message.refusal) if text]
    if message.audio is not None and message.audio.data:
        words.append(Media(kind=MediaKind.AUDIO, mime=None, data=message.audio.data))
        if message.audio.transcript:
            words.append(Text(text=message.audio.transcript))
    return words


def _calls(message: _Message) -> list[ToolUse]:
    calls = [
        ToolUse(
            id=call.id or f"call_{at}",
            name=call.function.name or "",
            arguments=call.function.arguments or "",
            signature=call.signature,
        )
        for at, call in enumerate(message.tool_calls or ())
        if call.function is not None
    ]
    if not calls and (old := message.function_call) is not None:
        calls = [ToolUse(id="call_0", name=old.name or "", arguments=old.arguments or "")]
    return calls


def read_logprobs(told: Logprobs | None) -> tuple[TokenLogprob, ...] | None:
    """Read how likely the tokens were."""
    if told is None or told.content is None:
        return None
    return tuple(
        TokenLogprob(
            token=token.token,
            logprob=token.logprob,
            top=tuple((top.token, top.logprob) for top in token.top_logprobs or ()),
        )
        for token in told.content
    )


def write_logprobs(tokens: tuple[TokenLogprob, ...]) -> _Json:
    """Write how likely the tokens were."""
    return {"content": [_token(one) for one in tokens], "refusal": None}


def _token(token: TokenLogprob) -> _Json:
    top = [{**_likely(*one)} for one in token.top]
    return {**_likely(token.token, token.logprob), "top_logprobs": top}


def _likely(token: str, logprob: float) -> _Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def head(about: About, kind: str, *, answer_id: str | None, model: str | None) -> _Json:
    """Return what an answer and each chunk of a stream begin with."""
    return {
        "id": answer_id or f"chatcmpl-{about.id}",
        "object": kind,
        "created": about.created_s,
        "model": model or about.model,
    }


def write_answer(answer: Answer, about: About) -> bytes:
    """Write a whole answer."""
    body = head(about, "chat.completion", answer_id=answer.id, model=answer.model)
    body["choices"] = [_write_choice(choice) for choice in answer.choices]
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    return jsonio.encode(body)


def _write_choice(choice: AnswerChoice) -> _Json:
    tokens = choice.logprobs
    return {
        "index": choice.index,
        "message": _write_message(choice),
        "logprobs": None if tokens is None else write_logprobs(tokens),
        "finish_reason": choice.stop and FINISH.get(choice.stop, "stop"),
    }


def _write_message(choice: AnswerChoice) -> _Json:
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    calls = [part for part in choice.parts if isinstance(part, ToolUse)]
    is_refused = choice.stop is StopReason.REFUSAL
    message: _Json = {
        "role": "assistant",
        "content": None if is_refused or (calls and not text) else text,
        "refusal": text if is_refused else None,
    }
    thoughts = [part for part in choice.parts if isinstance(part, Thinking | RedactedThinking)]
    if said := "".join(part.text for part in thoughts if isinstance(part, Thinking)):
        message["reasoning_content"] = said
    if any(isinstance(part, RedactedThinking) or part.signature for part in thoughts):
        message["thinking_blocks"] = [thinking_block(part) for part in thoughts]
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **extra_of(call.signature),
            }
            for call in calls
        ]
    return message


def thinking_block(part: Thinking | RedactedThinking) -> _Json:
    """Write a thought with its seal."""
    if isinstance(part, RedactedThinking):
        return {"type": "redacted_thinking", "data": part.data}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def extra_of(signature: str | None) -> _Json:
    """Write Google's signature beside a call."""
    if signature is None:
        return {}
    return {"extra_content": {"google": {"thought_signature": signature}}}
