"""``/-/requests``: the calls of the last days, and why each was decided as it was."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from prismd.endpoints import deps
from prismd.endpoints.admin.amounts import Dollars
from prismd.endpoints.admin.request_types import (
    RequestList,
    RequestObject,
    bodies_view,
    head_view,
    trace_view,
)
from prismd.endpoints.queries import moment, statuses
from prismd.endpoints.replies import json_reply, page
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest, NotFound
from prismd.store.requests import Filter, StoredTrace, UnknownPlace

room = APIRouter(tags=["requests"], dependencies=[Depends(deps.admin)])


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
    model: Annotated[str | None, Query(description="a trailing * matches any ending")] = None,
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
    kept = await gateway.bodies.known([call.request_id for call in calls[:limit]])
    views = [
        head_view(gateway, call, has_bodies=call.request_id in kept) | {"attempts": call.attempts}
        for call in calls[:limit]
    ]
    last_id = calls[limit - 1].request_id if is_full else found.stopped_at
    return json_reply(
        page(views, has_more=last_id is not None)
        | {"is_complete": found.stopped_at is None, "continue_after": last_id}
    )


@room.get("/-/requests/{request_id}", response_model=RequestObject)
async def get_request(
    request_id: str,
    gateway: deps.TheGateway,
    *,
    bodies: Annotated[
        bool, Query(description="what was asked and answered, if it is kept")
    ] = False,
) -> Response:
    """Show the decision trace of a call."""
    trace = await find_trace(gateway, request_id)
    if not bodies:
        has_bodies = request_id in await gateway.bodies.known([request_id])
        return json_reply(trace_view(gateway, trace, has_bodies=has_bodies))
    kept = await gateway.bodies.get(request_id)
    view = trace_view(gateway, trace, has_bodies=kept is not None)
    return json_reply(view | bodies_view(kept))


async def find_trace(gateway: Gateway, request_id: str) -> StoredTrace:
    """Return the trace of a call.

    Raises:
        NotFound: there is none.
    """
    trace = await gateway.stores.traces.get(request_id)
    if trace is None:
        msg = f"There is no trace of '{request_id}'. Traces are kept for a limited time."
        raise NotFound(msg, code="request_not_found", param="request_id")
    return trace
