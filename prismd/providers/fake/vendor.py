"""The fake vendor behind both doors: one request in, one reply out, with its pace and its faults.

Pure but for ids and the clock: it neither waits nor sends. The doors play what it returns.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace

from prismd.kernel import ids
from prismd.providers.fake import openai_request, openai_shape
from prismd.providers.fake.engine import perform
from prismd.providers.fake.faults import Settings, read_settings, split_model
from prismd.providers.fake.models import MODELS, Model
from prismd.providers.fake.script import Ending, Frame, Refusal, Reply
from prismd.wire.common import Usage

PLAIN_FRAME_BYTES = 100
"""Where a plain body can be cut: after a multiple of this."""

_STATUS_ERRORS = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "permission_denied", "Your project has no access to this."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    503: ("server_error", "overloaded", "The engine is currently overloaded."),
}
_FIRST_SERVER_ERROR = 500


class CutOff(Exception):
    """The reply says that the connection is cut here."""


def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a request; a refusal is an answer too.

    Args:
        method: GET for the list of models, POST for a chat.
        path: Below the base URL.
        headers: Lower-case names; only ``x-prism-fake-*`` are looked at.
        body: The request's JSON.
    """
    try:
        match method, path:
            case "GET", "/models":
                return _plain(200, openai_shape.model_list(list(MODELS)))
            case "POST", "/chat/completions":
                return _chat(headers, body)
            case _:
                return _unknown_url(method, path)
    except Refusal as refusal:
        return _plain(refusal.status, openai_shape.error(refusal))


def _unknown_url(method: str, path: str) -> Reply:
    msg = f"Invalid URL ({method} {path}): there are GET /models and POST /chat/completions."
    refusal = Refusal(msg, status=404, code="unknown_url")
    return _plain(refusal.status, openai_shape.error(refusal))


def _plain(status: int, body: bytes) -> Reply:
    return Reply(
        status=status,
        headers={"content-type": "application/json", "x-request-id": ids.new_id("req")},
        frames=(Frame(body),),
        body_bytes=len(body),
    )


def _chat(headers: Mapping[str, str], body: bytes) -> Reply:
    request = openai_request.parse(body)
    name, suffix = split_model(request.model)
    model = MODELS.get(name)
    if model is None:
        msg = (
            f"The model '{request.model}' does not exist. The fake has {', '.join(MODELS)}, "
            "each with or without 'fake/' before it."
        )
        raise Refusal(msg, status=404, code="model_not_found", param="model")
    settings = read_settings(suffix, headers)
    if settings.status is not None:
        reply = _refused(settings)
    elif request.stream:
        reply = _streamed(request, name, model, settings)
    else:
        reply = _whole(request, name, model, settings)
    return _broken(replace(reply, model=name), settings)


def _refused(settings: Settings) -> Reply:
    status = settings.status or 0
    kind = "server_error" if status >= _FIRST_SERVER_ERROR else "invalid_request_error"
    usual = (kind, None, f"The fake was asked to answer with status {status}.")
    type_, code, message = _STATUS_ERRORS.get(status, usual)
    refusal = Refusal(message, status=status, type_=type_, code=code)
    reply = _plain(status, openai_shape.error(refusal))
    if settings.retry_after is None:
        return reply
    return replace(reply, headers={**reply.headers, "retry-after": str(settings.retry_after)})


def _streamed(
    request: openai_request.ChatRequest, name: str, model: Model, settings: Settings
) -> Reply:
    script = perform(
        openai_request.to_ask(request, settings), model, tokens_per_piece=settings.chunk
    )
    usage = _claimed(script.usage, settings)
    frames = openai_shape.stream(
        script,
        chat_id=openai_shape.new_chat_id(),
        model=f"fake/{name}",
        usage=usage if request.wants_usage else None,
    )
    reply = _plain(200, b"")
    return replace(
        reply,
        headers={**reply.headers, "content-type": "text/event-stream; charset=utf-8"},
        frames=frames,
        is_stream=True,
        usage=usage,
        tokens_per_s=settings.rate,
    )


def _whole(
    request: openai_request.ChatRequest, name: str, model: Model, settings: Settings
) -> Reply:
    script = perform(openai_request.to_ask(request, settings), model)
    usage = _claimed(script.usage, settings)
    body = openai_shape.completion(
        script, chat_id=openai_shape.new_chat_id(), model=f"fake/{name}", usage=usage
    )
    generation_s = script.usage.output_tokens / settings.rate if settings.rate else 0.0
    return replace(
        _plain(200, body),
        frames=(Frame(body, script.usage.output_tokens),),
        usage=usage,
        head_delay_s=generation_s,
    )


def _claimed(usage: Usage, settings: Settings) -> Usage:
    if settings.usage is None:
        return usage
    prompt, completion = settings.usage
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        reasoning_tokens=min(usage.reasoning_tokens, completion),
    )


def _broken(reply: Reply, settings: Settings) -> Reply:
    """Put the pace of the head and the wanted faults on a reply."""
    frames = list(reply.frames)
    if settings.malformed is not None:
        at = settings.malformed - 1 if reply.is_stream else 0
        if at < len(frames):
            frames[at] = _malformed(frames[at])
    body_bytes = sum(len(frame.data) for frame in frames)
    ending = reply.ending
    stops_after = settings.cut if settings.hang is None else settings.hang
    if stops_after is not None:
        if not reply.is_stream:
            frames = _sliced(frames[0])
        if stops_after < len(frames):
            frames = frames[:stops_after]
            ending = Ending.CUT if settings.hang is None else Ending.HANG
    return replace(
        reply,
        frames=tuple(frames),
        body_bytes=body_bytes,
        ending=ending,
        head_delay_s=reply.head_delay_s + settings.latency,
        hangs_before_head=settings.hang == 0,
    )


def _malformed(frame: Frame) -> Frame:
    """Break the JSON in the middle; an event keeps its blank line, so only its data is broken."""
    text = frame.data.rstrip(b"\n")
    end = frame.data[len(text) :]
    return Frame(text[: len(text) // 2] + end, frame.tokens)


def _sliced(frame: Frame) -> list[Frame]:
    size = PLAIN_FRAME_BYTES
    slices = [Frame(frame.data[at : at + size]) for at in range(0, len(frame.data), size)]
    return [*slices[:-1], Frame(slices[-1].data, frame.tokens)]


async def play(
    reply: Reply, pause: Callable[[float | None], Awaitable[None]]
) -> AsyncIterator[Frame]:
    """Yield the frames at their pace, after the head.

    Args:
        reply: What to play.
        pause: Waits for seconds; None is for ever.

    Raises:
        CutOff: at the end of a reply that is cut.
    """
    for frame in reply.frames:
        await pause(frame.tokens / reply.tokens_per_s if reply.tokens_per_s else 0.0)
        yield frame
    if reply.ending is Ending.HANG:
        await pause(None)
    if reply.ending is Ending.CUT:
        raise CutOff
