"""``GET /-/requests/{id}``: why a call was decided as it was. No prompt text is stored."""

from typing import Literal

from fastapi import APIRouter, Depends, Response
from msgspec.structs import asdict
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.endpoints import deps
from prismd.endpoints.replies import Usd, json_reply, time_text, usd
from prismd.kernel.errors import NotFound
from prismd.wire.usage import UsageSource

room = APIRouter(tags=["requests"], dependencies=[Depends(deps.admin)])


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


class RequestObject(BaseModel):
    """The decision trace of a call."""

    id: str
    object: Literal["request"]
    created_at: AwareDatetime
    key_id: str
    owner: str | None
    org_id: str | None
    op: str
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
    price_lines: list[PriceLineObject]
    tags: dict[str, str]
    latency_ms: float
    first_byte_ms: float | None
    attempts: list[AttemptObject]
    stages: list[StageObject]


@room.get("/-/requests/{request_id}", response_model=RequestObject)
async def get_request(request_id: str, gateway: deps.TheGateway) -> Response:
    """Show the decision trace of a call."""
    trace = await gateway.stores.traces.get(request_id)
    if trace is None:
        msg = f"There is no trace of '{request_id}'. Traces are kept for a limited time."
        raise NotFound(msg, code="request_not_found", param="request_id")
    call = trace.call
    return json_reply(
        {
            "id": call.request_id,
            "object": "request",
            "created_at": time_text(call.ts_s),
            "key_id": call.key_id,
            "owner": call.owner,
            "org_id": call.org_id,
            "op": call.op,
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
            "price_lines": call.price_lines,
            "tags": call.tags,
            "latency_ms": call.latency_ms,
            "first_byte_ms": call.first_byte_ms,
            "attempts": trace.attempts,
            "stages": trace.stages,
        }
    )
