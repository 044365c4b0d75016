"""``POST /-/requests/{id}/replay``: make a call again, changed, and show what is different.

It is a call like any other: it walks the corridor with the key that pays for it, so limits, holds,
charges and traces are what they always are. Only its answer goes to the operator, and its errors
are told in it: what was asked for, a comparison, was done.
"""

import asyncio
import difflib

from fastapi import APIRouter, Depends, Response

from prismd.dialects.gather import text_of
from prismd.dialects.registry import DIALECTS
from prismd.endpoints import deps
from prismd.endpoints.admin.replay_types import (
    ReplayChanges,
    ReplayObject,
    difference_view,
    error_view,
)
from prismd.endpoints.admin.request_types import trace_view
from prismd.endpoints.admin.requests import find_trace
from prismd.endpoints.asgi import tags_of_key
from prismd.endpoints.replies import json_reply
from prismd.flow.again import Changes, call_again
from prismd.flow.serve import serve
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Conflict, InvalidRequest, NotFound, PrismError, UpstreamError
from prismd.kernel.ids import new_id
from prismd.policy.identity import check_valid
from prismd.store.db import Tx
from prismd.store.requests import StoredTrace
from prismd.wire.audit import Actor, Change
from prismd.wire.bodies import Bodies
from prismd.wire.call import Call, Caller
from prismd.wire.key import KeyRecord

room = APIRouter(tags=["requests"], dependencies=[Depends(deps.admin)])

MAX_COMPARED_CHARS = 400
"""Texts up to this length are compared by their characters, others by their words."""
MAX_COMPARED_WORDS = 20_000


@room.post("/-/requests/{request_id}/replay", response_model=ReplayObject)
async def replay_request(
    request_id: str, body: ReplayChanges, gateway: deps.TheGateway, actor: deps.TheActor
) -> Response:
    """Make a call again, whole and not streamed; the key pays for it."""
    before = await find_trace(gateway, request_id)
    kept = await gateway.bodies.get(request_id)
    asked = _request_of(request_id, kept)
    key = _paying(gateway, body.key or before.call.key_id)
    snap = gateway.snapshot
    if body.provider is not None and body.provider not in snap.catalog.providers:
        known = ", ".join(snap.catalog.providers) or "none"
        msg = f"There is no provider '{body.provider}'. Known providers: {known}."
        raise InvalidRequest(msg, code="unknown_provider", param="provider")
    call = call_again(
        snap,
        before.call,
        asked,
        Changes(model=body.model, provider=body.provider, fields=body.set),
        caller=Caller(key, _address(before) or actor.ip or ""),
        request_id=new_id("req"),
        tags=tags_of_key(key.metadata),
    )
    gateway.load.check(gateway.limiter.running, snap.max_running_calls)
    await _write_down(gateway, actor, before, call)
    error: PrismError | None = None
    answer: bytes | None = None
    try:
        answer = (await serve(gateway, snap, call)).body
    except PrismError as told:
        error = told
    after = await find_trace(gateway, call.id)
    said = _text(call, None if kept is None else kept.response)
    says = _text(call, answer)
    new = trace_view(gateway, after, has_bodies=call.body is not None)
    return json_reply(
        {
            "object": "replay",
            "id": call.id,
            "original": trace_view(gateway, before, has_bodies=True) | {"text": said},
            "replay": new | {"text": says, "error": error and error_view(error)},
            "difference": difference_view(
                before.call,
                after.call,
                is_same=None if said is None or says is None else said == says,
                similarity=await asyncio.to_thread(similarity, said, says),
            ),
        }
    )


def _text(call: Call, answer: bytes | None) -> str | None:
    """Return what an answer in the dialect of a call says; None if it is none."""
    if answer is None:
        return None
    try:
        return text_of(DIALECTS[call.dialect].read_answer(answer, provider=""))
    except UpstreamError:
        return None


def _request_of(request_id: str, kept: Bodies | None) -> bytes:
    if kept is None:
        msg = (
            f"What was asked in '{request_id}' is not kept, so it cannot be asked again. "
            "Calls from now on are, with logging.request_logging.include_bodies: true "
            "(for the orgs of bodies_of_orgs, as long as bodies_kept)."
        )
        raise Conflict(msg, code="bodies_not_stored", param="request_id")
    if kept.is_request_cut:
        msg = f"What was asked in '{request_id}' is too long: only the begin of it is kept."
        raise Conflict(msg, code="bodies_cut", param="request_id")
    return kept.request


def _paying(gateway: Gateway, key_id: str) -> KeyRecord:
    key = gateway.keys.get(key_id)
    if key is None:
        raise NotFound(f"There is no key '{key_id}'.", code="key_not_found", param="key")
    try:
        check_valid(key, clock.wall_s())
    except PrismError:
        msg = f"The key '{key_id}' may not be used now. Give another one that pays: 'key'."
        raise Conflict(msg, code="key_not_usable", param="key") from None
    return key


def _address(before: StoredTrace) -> str | None:
    """Return the address that a call came from, if it was let in."""
    for stage in before.stages:
        detail = stage.get("detail")
        if isinstance(detail, dict) and isinstance(ip := detail.get("ip"), str):
            return ip
    return None


async def _write_down(gateway: Gateway, actor: Actor, before: StoredTrace, call: Call) -> None:
    """Put it into the audit log, before anything is asked of anybody."""
    was, key_id = before.call, call.caller.key.id
    told: dict[str, tuple[object, object]] = {"replay": (None, call.id)}
    told |= {"key_id": (was.key_id, key_id)} if key_id != was.key_id else {}
    told |= {"model": (was.model, call.request.model)} if call.request.model != was.model else {}
    change = Change("request.replayed", was.request_id, told)

    def write(tx: Tx) -> None:
        gateway.audit.append(tx, actor, change, at_s=clock.wall_s())

    await gateway.stores.state.write(write)


def similarity(one: str | None, other: str | None) -> float | None:
    """Return how much of two texts is in both, from 0 to 1; None where one is missing.

    Of long texts the words are compared, in whatever order: the time for more grows too fast.
    """
    if one is None or other is None:
        return None
    if one == other:
        return 1.0
    if max(len(one), len(other)) <= MAX_COMPARED_CHARS:
        ratio = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    else:
        ratio = difflib.SequenceMatcher(None, _words(one), _words(other)).quick_ratio()
    return round(ratio, 4)


def _words(text: str) -> list[str]:
    return text.split(maxsplit=MAX_COMPARED_WORDS)[:MAX_COMPARED_WORDS]
