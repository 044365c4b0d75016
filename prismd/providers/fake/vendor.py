"""The fake vendor behind both doors: one request in, one reply out, with its pace and its faults.

Pure but for ids and the clock: it neither waits nor sends. The doors play what it returns.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace

from prismd.kernel import ids, sse
from prismd.providers.fake import any_dialect, openai_request, openai_shape
from prismd.providers.fake.any_dialect import Door
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
            case "POST", _ if (door := any_dialect.door_at(path)) is not None:
                return _at(door, headers, body)
            case _:
                return _unknown_url(method, path)
    except Refusal as refusal:
        return _plain(refusal.status, openai_shape.error(refusal))


def _at(door: Door, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer in another dialect than OpenAI's chat; its refusals are in it, too."""
    try:
        request = any_dialect.parse(door, body)
        name, model, settings = _model_of(request.model, headers)
        if settings.status is not None:
            raise _wanted(settings)
        ask, _ = any_dialect.to_ask(door, request, settings)
        if door.is_count:
            return _plain(200, any_dialect.counted(door, ask.input_tokens))
        is_stream = request.is_stream
        script = perform(ask, model, tokens_per_piece=settings.chunk if is_stream else 1)
    except Refusal as refusal:
        return _refused_at(door, refusal)
    usage = _claimed(script.usage, settings)
    if not is_stream:
        body = any_dialect.whole(door, request, script, usage, name)
        generation_s = script.usage.output_tokens / settings.rate if settings.rate else 0.0
        frames: tuple[Frame, ...] = (Frame(body, script.usage.output_tokens),)
        reply = replace(_plain(200, body), frames=frames, usage=usage, head_delay_s=generation_s)
    else:
        media_type, frames = any_dialect.stream(door, request, script, usage, name)
        plain = _plain(200, b"")
        reply = replace(
            plain,
            headers={**plain.headers, "content-type": media_type},
            frames=frames,
            is_stream=True,
            usage=usage,
            tokens_per_s=settings.rate,
        )
    return _broken(replace(reply, model=name), settings)


def _refused_at(door: Door, refusal: Refusal) -> Reply:
    headers, body = any_dialect.refused(door, refusal)
    reply = _plain(refusal.status, body)
    retry = {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}
    return replace(reply, headers={**reply.headers, **headers, **retry})


def _unknown_url(method: str, path: str) -> Reply:
    msg = (
        f"Invalid URL ({method} {path}): there are GET /models, POST /chat/completions and "
        "/completions, and the chats of other vendors: /messages, /models/MODEL:generateContent, "
        "/model/MODEL/converse, /chat."
    )
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
    name, model, settings = _model_of(request.model, headers)
    if settings.status is not None:
        reply = _refused(settings)
    elif request.stream:
        reply = _streamed(request, name, model, settings)
    else:
        reply = _whole(request, name, model, settings)
    return _broken(replace(reply, model=name), settings)


def _model_of(given: str, headers: Mapping[str, str]) -> tuple[str, Model, Settings]:
    """Find a model and how it is to behave; raises Refusal."""
    name, suffix = split_model(given)
    model = MODELS.get(name)
    if model is None:
        msg = (
            f"The model '{given}' does not exist. The fake has {', '.join(MODELS)}, "
            "each with or without 'fake/' before it."
        )
        raise Refusal(msg, status=404, code="model_not_found", param="model")
    return name, model, read_settings(suffix, headers)


def _refused(settings: Settings) -> Reply:
    refusal = _wanted(settings)
    reply = _plain(refusal.status, openai_shape.error(refusal))
    if refusal.retry_after_s is None:
        return reply
    return replace(reply, headers={**reply.headers, "retry-after": str(refusal.retry_after_s)})


def _wanted(settings: Settings) -> Refusal:
    """Return the refusal that the caller wants."""
    status = settings.status or 0
    kind = "server_error" if status >= _FIRST_SERVER_ERROR else "invalid_request_error"
    usual = (kind, None, f"The fake was asked to answer with status {status}.")
    type_, code, message = _STATUS_ERRORS.get(status, usual)
    refusal = Refusal(message, status=status, type_=type_, code=code)
    refusal.retry_after_s = settings.retry_after
    return refusal


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
        headers={**reply.headers, "content-type": sse.MEDIA_TYPE},
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
