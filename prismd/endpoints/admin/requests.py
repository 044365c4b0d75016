"""``/-/requests``: the calls of the last days, and why each was decided as it was."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from msgspec.structs import asdict
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.endpoints import deps
from prismd.endpoints.admin.amounts import Dollars
from prismd.endpoints.queries import moment, statuses
from prismd.endpoints.replies import ListOf, Usd, json_reply, page, time_text, usd
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest, NotFound
from prismd.store.requests import Filter, UnknownPlace
from prismd.wire.usage import CallRecord, UsageSource

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


class RequestEntry(RequestHead):
    """A call in a list."""

    attempts: int
    """How many tries at providers there were."""


class RequestObject(RequestHead):
    """The decision trace of a call."""

    price_lines: list[PriceLineObject]
    attempts: list[AttemptObject]
    stages: list[StageObject]


class RequestList(ListOf):
    """A page of calls, newest first."""

    data: list[RequestEntry]
    is_complete: bool
    """False when so many calls were looked at that the search ended before the page was full."""
    continue_after: str | None
    """What to give as ``after`` to search on from there; null when there is nothing more."""


@room.get("/-/requests", response_model=RequestList)
async def list_requests(
    gateway: deps.TheGateway,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str | None, Query(description="an id; older ones follow")] = None,
    since: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d")] = None,
    until: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d; excluded")] = None,
    key: Annotated[str | None, Query(description="id of a key")] = None,
    org: str | None = None,
    owner: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    status: Annotated[str | None, Query(description="comma list such as 429 or 4xx,5xx")] = None,
    error_code: str | None = None,
    min_cost: Annotated[Dollars | None, Query(description="dollars")] = None,
    min_latency: Annotated[
        float | None, Query(description="milliseconds", ge=0, allow_inf_nan=False)
    ] = None,
    stream: bool | None = None,
) -> Response:
    """List calls, newest first; also those that have ended this moment."""
    wanted = Filter(
        since_s=0 if since is None else moment("since", since),
        until_s=clock.LAST_S + 1 if until is None else moment("until", until),
        key=key,
        org=org,
        owner=owner,
        model=model,
        provider=provider,
        statuses=None if status is None else statuses("status", status),
        error_code=error_code,
        min_cost_nano_usd=min_cost,
        min_latency_ms=min_latency,
        is_stream=stream,
    )
    try:
        found = await gateway.stores.traces.page(wanted, limit=limit + 1, after=after)
    except UnknownPlace:
        msg = "'after' is the id of a call whose trace is kept: the last one of the page before."
        raise InvalidRequest(msg, code="invalid_value", param="after") from None
    calls = [trace.call for trace in found.traces]
    is_full = len(calls) > limit
    views = [_head(gateway, call) | {"attempts": call.attempts} for call in calls[:limit]]
    last_id = calls[limit - 1].request_id if is_full else found.stopped_at
    return json_reply(
        page(views, has_more=last_id is not None)
        | {"is_complete": found.stopped_at is None, "continue_after": last_id}
    )


@room.get("/-/requests/{request_id}", response_model=RequestObject)
async def get_request(request_id: str, gateway: deps.TheGateway) -> Response:
    """Show the decision trace of a call."""
    trace = await gateway.stores.traces.get(request_id)
    if trace is None:
        msg = f"There is no trace of '{request_id}'. Traces are kept for a limited time."
        raise NotFound(msg, code="request_not_found", param="request_id")
    return json_reply(
        {
            **_head(gateway, trace.call),
            "price_lines": trace.call.price_lines,
            "attempts": trace.attempts,
            "stages": trace.stages,
        }
    )


def _head(gateway: Gateway, call: CallRecord) -> dict[str, object]:
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
    }
