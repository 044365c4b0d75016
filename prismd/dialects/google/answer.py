"""Whole answers of generateContent, read and written, and ``usageMetadata``."""

import msgspec

from prismd.dialects.base import About
from prismd.dialects.openai.usage import believable
from prismd.dialects.parts import arguments_object, kind_of
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Answer,
    AnswerChoice,
    Media,
    RedactedThinking,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolUse,
)

Raw = msgspec.Raw
_NONE = Raw()
_Json = dict[str, object]

STOPS = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "LANGUAGE": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
    "MODEL_ARMOR": StopReason.CONTENT_FILTER,
    "MALFORMED_FUNCTION_CALL": StopReason.ERROR,
    "UNEXPECTED_TOOL_CALL": StopReason.ERROR,
    "TOO_MANY_TOOL_CALLS": StopReason.ERROR,
    "MISSING_THOUGHT_SIGNATURE": StopReason.ERROR,
    "MALFORMED_RESPONSE": StopReason.ERROR,
}
"""What is not here is an end."""
REASONS = {
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTENT_FILTER: "SAFETY",
    StopReason.REFUSAL: "SAFETY",
    StopReason.ERROR: "OTHER",
}
"""What is not here is ``STOP``."""


class _Call(msgspec.Struct, rename="camel"):
    id: str | None = None
    name: str = ""
    args: Raw = _NONE


class _Blob(msgspec.Struct, rename="camel"):
    mime_type: str = ""
    data: str = ""


class PartBody(msgspec.Struct, rename="camel"):
    """A part of an answer."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: _Blob | None = None


class _Content(msgspec.Struct):
    parts: list[PartBody] | None = None


class _Likely(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Tops(msgspec.Struct):
    candidates: list[_Likely] | None = None


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Likely] | None = None
    top_candidates: list[_Tops] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One of the answers."""

    index: int | None = None
    content: _Content | None = None
    finish_reason: str | None = None
    logprobs_result: _Logprobs | None = None


class _Detail(msgspec.Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(msgspec.Struct, rename="camel"):
    """``usageMetadata``: thoughts stand beside the answer, what tools read beside the prompt."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: list[_Detail] | None = None
    candidates_tokens_details: list[_Detail] | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class Body(msgspec.Struct, rename="camel"):
    """A whole answer, or a piece of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Raw = _NONE


decode_body = msgspec.json.Decoder(Body, strict=False).decode


def usage_of(told: UsageMetadata | None) -> Usage | None:
    """Return the counts in the gateway's own terms; None if they are not told or cannot be true."""
    if told is None:
        return None
    thoughts = told.thoughts_token_count or 0
    return believable(
        Usage(
            input_tokens=(told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0),
            output_tokens=(told.candidates_token_count or 0) + thoughts,
            cached_input_tokens=told.cached_content_token_count or 0,
            reasoning_tokens=thoughts,
            audio_input_tokens=_audio(told.prompt_tokens_details),
            audio_output_tokens=_audio(told.candidates_tokens_details),
            requests=1,
        )
    )


def _audio(details: list[_Detail] | None) -> int:
    return sum(one.token_count for one in details or () if one.modality == "AUDIO")


def usage_body(usage: Usage) -> _Json:
    """Write ``usageMetadata``."""
    body: _Json = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_input_tokens:
        body["cachedContentTokenCount"] = usage.cached_input_tokens
    if usage.reasoning_tokens:
        body["thoughtsTokenCount"] = usage.reasoning_tokens
    return body


def read_body(body: bytes, *, provider: str) -> Body:
    """Read an answer or a piece of one; raises UpstreamError."""
    try:
        found = decode_body(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        msg = f"Provider '{provider}' answered with something that is no generated content."
        raise UpstreamError(msg, provider=provider, code="invalid_upstream_response") from None
    if bytes(found.error) not in (b"", b"null"):
        raise read_embedded_error(body, provider=provider)
    return found


def _whole(body: bytes, provider: str) -> Body:
    found = read_body(body, provider=provider)
    if found.candidates is None and found.prompt_feedback is None:
        msg = f"Provider '{provider}' answered 200 without generated content."
        raise UpstreamError(msg, provider=provider, upstream_status=200)
    return found


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is one, and return its usage; raises UpstreamError."""
    return usage_of(_whole(body, provider).usage_metadata)


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError. A blocked prompt is a filtered answer."""
    found = _whole(body, provider)
    choices = tuple(_choice(at, one) for at, one in enumerate(found.candidates or ()))
    if not choices:
        choices = (AnswerChoice(stop=StopReason.CONTENT_FILTER),)
    return Answer(
        id=found.response_id,
        model=found.model_version,
        choices=choices,
        usage=usage_of(found.usage_metadata),
    )


def _choice(at: int, candidate: Candidate) -> AnswerChoice:
    given = (candidate.content.parts if candidate.content else None) or []
    parts: list[Text | Media | ToolUse | Thinking] = []
    calls = 0
    for part in given:
        found = read_part(part, calls)
        if found is None:
            continue
        calls += isinstance(found, ToolUse)
        last = parts[-1] if parts else None
        if isinstance(found, Text) and isinstance(last, Text) and last.signature is None:
            parts[-1] = Text(text=last.text + found.text, signature=found.signature)
        else:
            parts.append(found)
    stop = STOPS.get(candidate.finish_reason or "", StopReason.END)
    return AnswerChoice(
        index=at if candidate.index is None else candidate.index,
        parts=tuple(parts),
        stop=StopReason.TOOL_USE if calls and stop is StopReason.END else stop,
        logprobs=read_logprobs(candidate.logprobs_result),
    )


def read_part(part: PartBody, calls: int) -> Text | Media | ToolUse | Thinking | None:
    """Read a part; what is not known here is passed over. ``calls`` were there before it."""
    call, blob = part.function_call, part.inline_data
    if call is not None:
        arguments = bytes(call.args).decode() or "{}"
        used = call.id or f"call_{calls}"
        sealed = part.thought_signature
        return ToolUse(id=used, name=call.name, arguments=arguments, signature=sealed)
    if blob is not None:
        return Media(kind=kind_of(blob.mime_type), mime=blob.mime_type, data=blob.data)
    if part.text is None or not (part.text or part.thought_signature):
        return None
    if part.thought:
        return Thinking(text=part.text)
    return Text(text=part.text, signature=part.thought_signature)


def read_logprobs(told: _Logprobs | None) -> tuple[TokenLogprob, ...] | None:
    """Read how likely the tokens were."""
    if told is None or told.chosen_candidates is None:
        return None
    tops = told.top_candidates or []
    found = []
    for at, one in enumerate(told.chosen_candidates):
        top = (tops[at].candidates if at < len(tops) else None) or []
        likely = tuple((other.token, other.log_probability) for other in top)
        found.append(TokenLogprob(token=one.token, logprob=one.log_probability, top=likely))
    return tuple(found)


def write_logprobs(tokens: tuple[TokenLogprob, ...]) -> _Json:
    """Write how likely the tokens were."""
    return {
        "chosenCandidates": [{"token": one.token, "logProbability": one.logprob} for one in tokens],
        "topCandidates": [
            {"candidates": [{"token": t, "logProbability": p} for t, p in one.top]}
            for one in tokens
        ],
    }


def write_answer(answer: Answer, about: About) -> bytes:
    """Write a whole answer."""
    body: _Json = {"candidates": [_write_choice(choice) for choice in answer.choices]}
    if answer.usage is not None:
        body["usageMetadata"] = usage_body(answer.usage)
    return jsonio.encode(body | tail(about, answer_id=answer.id, model=answer.model))


def tail(about: About, *, answer_id: str | None, model: str | None) -> _Json:
    """Return what every piece ends with."""
    return {"modelVersion": model or about.model, "responseId": answer_id or about.id}


def _write_choice(choice: AnswerChoice) -> _Json:
    parts = [said for part in choice.parts if (said := write_part(part)) is not None]
    body: _Json = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": choice.stop and REASONS.get(choice.stop, "STOP"),
        "index": choice.index,
    }
    if choice.logprobs is not None:
        body["logprobsResult"] = write_logprobs(choice.logprobs)
    return body


def write_part(part: Text | Media | ToolUse | Thinking | RedactedThinking) -> _Json | None:
    """Write a part; a thought that only another vendor can read is left out."""
    match part:
        case Text():
            return {"text": part.text, **_sealed(part.signature)}
        case Thinking():
            return {"text": part.text, "thought": True}
        case ToolUse():
            call = {"id": part.id, "name": part.name, "args": arguments_object(part.arguments)}
            return {"functionCall": call, **_sealed(part.signature)}
        case Media(data=str()):
            return {"inlineData": {"mimeType": part.mime or "", "data": part.data}}
        case _:
            return None


def _sealed(signature: str | None) -> _Json:
    return {} if signature is None else {"thoughtSignature": signature}
