"""How calls are shown in answers: in lists, with their trace, with their bodies."""

from typing import Literal

from msgspec.structs import asdict
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.endpoints.replies import ListOf, Usd, time_text, usd
from prismd.gateway import Gateway
from prismd.kernel import jsonio
from prismd.store.requests import StoredTrace
from prismd.wire.bodies import Bodies
from prismd.wire.usage import CallRecord, UsageSource


class CallUsage(BaseModel):
    """What a call used; parts of input and output are contained in them."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    images: int
    pages: int
    characters: int
    audio_ms: int
    video_ms: int
    searches: int
    requests: int
    """Answers that the provider gave."""
    is_estimated: bool


class PriceLineObject(BaseModel):
    """One line of the bill, at the price of that moment."""

    unit: str
    quantity: int
    price_pico_usd: int
    """Per unit; per second for ``audio_ms`` and ``video_ms``."""
    amount_pico_usd: int


class AttemptObject(BaseModel):
    """One try at a provider."""

    provider: str
    model: str
    status: int | None
    """What the provider answered; null when it did not."""
    outcome: str
    """``ok``, or the error code."""


class StageObject(BaseModel):
    """One stage of the corridor: how long it took, and what it decided."""

    stage: str
    ms: float
    detail: dict[str, JsonValue]


class RequestHead(BaseModel):
    """A call and how it ended."""

    id: str
    object: Literal["request"]
    created_at: AwareDatetime
    ts_s: float
    """The same moment as epoch seconds, with its milliseconds."""
    key_id: str
    key_name: str | None
    """Null when the key is not there any more."""
    owner: str | None
    org_id: str | None
    op: str
    dialect: str
    """What the client spoke."""
    model: str
    provider: str | None
    upstream_model: str | None
    status: int
    error_code: str | None
    is_stream: bool
    is_complete: bool
    usage: CallUsage
    usage_source: UsageSource
    cost: Usd | None
    cost_nano_usd: int | None
    price_source: str | None
    tags: dict[str, str]
    latency_ms: float
    first_byte_ms: float | None
    has_bodies: bool
    """Whether what was asked and answered is kept (``logging.request_logging``)."""


class RequestEntry(RequestHead):
    """A call in a list."""

    attempts: int
    """How many tries at providers there were."""


class RequestTrace(RequestHead):
    """A call and how it was decided."""

    price_lines: list[PriceLineObject]
    attempts: list[AttemptObject]
    stages: list[StageObject]


class RequestObject(RequestTrace):
    """The decision trace of a call, with its bodies if they are asked for."""

    request_body: JsonValue = None
    """With ``bodies=true``: as the client sent it, as JSON or, where it is none, as text."""
    response_body: JsonValue = None
    """The answer; that of a stream is put together as one."""
    is_request_body_cut: bool = False
    """Whether it was longer than what is kept."""
    is_response_body_cut: bool = False


class RequestList(ListOf):
    """A page of calls, newest first."""

    data: list[RequestEntry]
    is_complete: bool
    """False when so many calls were looked at that the search ended before the page was full."""
    continue_after: str | None
    """What to give as ``after`` to search on from there; null when there is nothing more."""


def head_view(gateway: Gateway, call: CallRecord, *, has_bodies: bool) -> dict[str, object]:
    """Show a call and how it ended."""
    key = gateway.keys.get(call.key_id)
    return {
        "id": call.request_id,
        "object": "request",
        "created_at": time_text(call.ts_s),
        "ts_s": round(call.ts_s, 3),
        "key_id": call.key_id,
        "key_name": key and key.name,
        "owner": call.owner,
        "org_id": call.org_id,
        "op": call.op,
        "dialect": call.dialect,
        "model": call.model,
        "provider": call.provider,
        "upstream_model": call.upstream_model,
        "status": call.status,
        "error_code": call.error_code,
        "is_stream": call.is_stream,
        "is_complete": call.is_complete,
        "usage": asdict(call.usage),
        "usage_source": call.usage_source,
        **usd("cost", call.cost_nano_usd),
        "price_source": call.price_source,
        "tags": call.tags,
        "latency_ms": call.latency_ms,
        "first_byte_ms": call.first_byte_ms,
        "has_bodies": has_bodies,
    }


def trace_view(gateway: Gateway, trace: StoredTrace, *, has_bodies: bool) -> dict[str, object]:
    """Show a call with its trace."""
    return {
        **head_view(gateway, trace.call, has_bodies=has_bodies),
        "price_lines": trace.call.price_lines,
        "attempts": trace.attempts,
        "stages": trace.stages,
    }


def bodies_view(bodies: Bodies | None) -> dict[str, object]:
    """Show what was asked and answered, where it is kept."""
    return {
        "request_body": None if bodies is None else _body(bodies.request),
        "response_body": None if bodies is None else _body(bodies.response),
        "is_request_body_cut": bodies is not None and bodies.is_request_cut,
        "is_response_body_cut": bodies is not None and bodies.is_response_cut,
    }


def _body(body: bytes | None) -> object:
    if body is None:
        return None
    try:
        text = body.decode()
        jsonio.decode(text)
    except ValueError:
        return body.decode("utf-8", "replace")
    return jsonio.Raw(body)
