"""Whole answers with text completions, read and written; several of them as one."""

from collections.abc import Sequence

import msgspec

from prismd.dialects.base import About
from prismd.dialects.completions.request import peek_of
from prismd.dialects.openai.usage import ABSENT, is_null, usage_body, usage_of
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError
from prismd.wire.common import Usage
from prismd.wire.conversation import Answer, AnswerChoice, StopReason, Text, TokenLogprob

FINISH = {
    StopReason.END: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
}
"""What is not here is ``stop``."""
STOPS = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "content_filter": StopReason.CONTENT_FILTER,
}


class Logprobs(msgspec.Struct):
    """How likely the tokens of a text were."""

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None
    text_offset: list[int] = []


class _Choice(msgspec.Struct):
    text: str = ""
    index: int = 0
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _Seen(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(_Body).decode
_decode_seen = msgspec.json.Decoder(_Seen).decode


def read_usage(body: bytes, *, provider: str) -> Usage | None:
    """Check that a 200 answer is a completion, and return its usage; raises UpstreamError."""
    try:
        seen = _decode_seen(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _no_completion(provider) from None
    if seen.choices is None:
        if not is_null(seen.error):
            raise read_embedded_error(body, provider=provider)
        raise _no_completion(provider)
    return usage_of(seen.usage)


def read_answer(body: bytes, *, provider: str) -> Answer:
    """Read a whole answer; raises UpstreamError."""
    usage = read_usage(body, provider=provider)
    try:
        found = _decode(body)
    except msgspec.DecodeError:
        raise _no_completion(provider) from None
    choices = tuple(
        AnswerChoice(
            index=choice.index,
            parts=(Text(text=choice.text),) if choice.text else (),
            stop=STOPS.get(choice.finish_reason or "", StopReason.END),
            logprobs=read_logprobs(choice.logprobs),
        )
        for choice in found.choices or ()
    )
    return Answer(id=found.id, model=found.model, choices=choices, usage=usage)


def _no_completion(provider: str) -> UpstreamError:
    msg = f"Provider '{provider}' answered with something that is no completion."
    return UpstreamError(msg, provider=provider, code="invalid_upstream_response")


def read_logprobs(told: Logprobs | None) -> tuple[TokenLogprob, ...] | None:
    """Read how likely the tokens were."""
    if told is None:
        return None
    tops = told.top_logprobs or [None] * len(told.tokens)
    found = zip(told.tokens, told.token_logprobs, tops, strict=False)
    return tuple(
        TokenLogprob(token=token, logprob=logprob or 0.0, top=tuple((top or {}).items()))
        for token, logprob, top in found
    )


def write_logprobs(tokens: Sequence[TokenLogprob], *, offset: int) -> dict[str, object]:
    """Write how likely the tokens were; the first of them is ``offset`` characters in."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(token.top) for token in tokens],
        "text_offset": offsets,
    }


def write_answer(answer: Answer, about: About) -> bytes:
    """Write a whole answer; the prompt is repeated where the request wants it."""
    echoed = echo_of(about)
    body: dict[str, object] = {
        **head(about, answer_id=answer.id, model=answer.model),
        "choices": [_choice(choice, echoed) for choice in answer.choices],
    }
    if answer.usage is not None:
        body["usage"] = usage_body(answer.usage)
    return jsonio.encode(body)


def _choice(choice: AnswerChoice, echoed: str) -> dict[str, object]:
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    tokens = choice.logprobs
    return {
        "text": echoed + text,
        "index": choice.index,
        "logprobs": None if tokens is None else write_logprobs(tokens, offset=len(echoed)),
        "finish_reason": choice.stop and FINISH.get(choice.stop, "stop"),
    }


def head(about: About, *, answer_id: str | None, model: str | None) -> dict[str, object]:
    """Return what an answer and each event of a stream begin with."""
    return {
        "id": answer_id or f"cmpl-{about.id}",
        "object": "text_completion",
        "created": about.created_s,
        "model": model or about.model,
    }


def echo_of(about: About) -> str:
    """Return what is said before the answer: the prompt, or nothing."""
    if about.request is None:
        return ""
    peek = peek_of(about.request)
    prompt = peek.prompts[0]
    return prompt if peek.echo and isinstance(prompt, str) else ""
