"""The engine's script → OpenAI's wire: a plain body, or the events of a stream; lists and errors.

Fields stand in the order in which OpenAI sends them (``usage`` last).
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from prismd.kernel import clock, ids, jsonio, sse
from prismd.providers.fake.script import (
    Choice,
    Finish,
    Frame,
    PartKind,
    Piece,
    Refusal,
    Script,
)
from prismd.wire.common import Usage

SYSTEM_FINGERPRINT = "fake-1"

_Json = dict[str, object]


def new_chat_id() -> str:
    """Return an id for one completion."""
    return ids.new_id("chatcmpl").replace("_", "-", 1)


def usage_body(usage: Usage) -> _Json:
    """Write usage."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completion(script: Script, *, chat_id: str, model: str, usage: Usage) -> bytes:
    """Write the plain answer."""
    return jsonio.encode(
        {
            **_head(chat_id, "chat.completion", model),
            "choices": [
                {
                    "index": index,
                    "message": _message(choice),
                    "logprobs": None,
                    "finish_reason": choice.finish.value,
                }
                for index, choice in enumerate(script.choices)
            ],
            "usage": usage_body(usage),
        }
    )


def _head(chat_id: str, kind: str, model: str) -> _Json:
    return {
        "id": chat_id,
        "object": kind,
        "created": clock.now_s(),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": SYSTEM_FINGERPRINT,
    }


def _message(choice: Choice) -> _Json:
    calls = choice.calls()
    message: _Json = {"role": "assistant", "content": choice.text_of(PartKind.TEXT)}
    if (thought := choice.text_of(PartKind.REASONING)) is not None:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = [_tool_call(name, arguments) for name, arguments in calls]
    elif message["content"] is None:
        message["content"] = ""
    return {**message, "refusal": None, "annotations": []}


def _tool_call(name: str, arguments: str) -> _Json:
    return {
        "id": ids.new_id("call"),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def stream(script: Script, *, chat_id: str, model: str, usage: Usage | None) -> tuple[Frame, ...]:
    """Write the events of a stream; ``usage`` is told at its end if it is not None."""
    head = _head(chat_id, "chat.completion.chunk", model)
    last = {} if usage is None else {"usage": None}
    frames = [
        Frame(_event({**head, "choices": [_chunk(index, delta, finish)], **last}), cost)
        for index, delta, finish, cost in _deltas(script.choices)
    ]
    if usage is not None:
        frames.append(Frame(_event({**head, "choices": [], "usage": usage_body(usage)})))
    return (*frames, Frame(sse.encode(sse.DONE)))


def _event(body: _Json) -> bytes:
    return sse.encode(jsonio.encode(body))


def _chunk(index: int, delta: _Json, finish: Finish | None) -> _Json:
    return {
        "index": index,
        "delta": delta,
        "logprobs": None,
        "finish_reason": finish and finish.value,
    }


_Delta = tuple[int, _Json, Finish | None, int]


def _deltas(choices: Sequence[Choice]) -> Iterator[_Delta]:
    """Yield index, delta, finish and tokens of each chunk; several choices take turns."""
    for index, choice in enumerate(choices):
        has_tool = choice.text_of(PartKind.TOOL_NAME) is not None
        content = None if has_tool else ""
        yield index, {"role": "assistant", "content": content, "refusal": None}, None, 0
    calls = [-1] * len(choices)
    for row in zip_longest(*(choice.pieces for choice in choices)):
        for index, piece in enumerate(row):
            if piece is not None:
                calls[index] += piece.kind is PartKind.TOOL_NAME
                yield index, _delta(piece, calls[index]), None, piece.tokens
    for index, choice in enumerate(choices):
        yield index, {}, choice.finish, 0


def _delta(piece: Piece, call: int) -> _Json:
    match piece.kind:
        case PartKind.TEXT:
            return {"content": piece.text}
        case PartKind.REASONING:
            return {"reasoning_content": piece.text}
        case PartKind.TOOL_NAME:
            return {"tool_calls": [{"index": call, **_tool_call(piece.text, "")}]}
        case PartKind.TOOL_ARGUMENTS:
            return {"tool_calls": [{"index": call, "function": {"arguments": piece.text}}]}


def model_list(names: Sequence[str]) -> bytes:
    """Write the list of models."""
    return jsonio.encode({"object": "list", "data": [_model(name) for name in names]})


def _model(name: str) -> _Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "fake"}


def error(refusal: Refusal) -> bytes:
    """Write an error."""
    return jsonio.encode(
        {
            "error": {
                "message": refusal.message,
                "type": refusal.type,
                "param": refusal.param,
                "code": refusal.code,
            }
        }
    )
