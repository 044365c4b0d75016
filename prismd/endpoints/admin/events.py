"""``GET /-/events``: what happens in the gateway, as it happens (server-sent events).

``Last-Event-ID`` resumes from the ring of recent events; a viewer that is too slow loses the oldest
and gets a ``gap`` event with their number; silence is broken by a comment every 15 seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from prismd.endpoints import deps
from prismd.gateway import Gateway
from prismd.kernel import jsonio, sse
from prismd.kernel.bus import Event, Viewer
from prismd.kernel.errors import InvalidRequest

room = APIRouter(tags=["events"], dependencies=[Depends(deps.admin)])

HEARTBEAT_S = 15.0
MAX_DIGITS = 18


class Topic(StrEnum):
    """What can be watched."""

    TICK = "tick"
    CALL = "call"
    KEY = "key"
    CONFIG = "config"
    BUDGET = "budget"
    LEDGER = "ledger"


@room.get(
    "/-/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def watch_events(
    gateway: deps.TheGateway,
    topics: Annotated[str, Query(description="comma-separated; all when left out")] = "",
    key: str | None = None,
    model: str | None = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> StreamingResponse:
    """Follow the event feed; ``key`` and ``model`` narrow the ``call`` events."""
    wants = _filter(_topics(topics), key, model)
    is_seq = bool(last_event_id and last_event_id.isdecimal() and len(last_event_id) < MAX_DIGITS)
    after_seq = int(last_event_id or 0) if is_seq else None
    return StreamingResponse(
        _follow(gateway, wants, after_seq),
        media_type="text/event-stream",
        headers={"cache-control": "no-cache"},
    )


def _topics(text: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    unknown = sorted(names - set(Topic))
    if unknown:
        known = ", ".join(Topic)
        msg = f"Unknown topic '{unknown[0]}'. Known topics: {known}."
        raise InvalidRequest(msg, code="unknown_topic", param="topics")
    return names or frozenset(Topic)


def _filter(topics: frozenset[str], key: str | None, model: str | None) -> Callable[[Event], bool]:
    def wants(event: Event) -> bool:
        if event.topic not in topics:
            return False
        if event.topic == Topic.CALL:
            body = event.body
            return (key is None or body["key_id"] == key) and (
                model is None or body["model"] == model
            )
        return True

    return wants


async def _follow(
    gateway: Gateway, wants: Callable[[Event], bool], after_seq: int | None
) -> AsyncIterator[bytes]:
    viewer = gateway.bus.watch(wants, after_seq=after_seq)
    try:
        yield sse.comment(b"prism event feed")
        while not viewer.is_closed:
            event = await _next(viewer)
            if missed := viewer.take_missed():
                yield sse.encode(jsonio.encode({"type": "gap", "missed": missed}), event="gap")
            yield sse.comment() if event is None else _encode(event)
    finally:
        gateway.bus.unwatch(viewer)


async def _next(viewer: Viewer) -> Event | None:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await viewer.next()
    except TimeoutError:
        return None


def _encode(event: Event) -> bytes:
    body = {"type": event.topic, "id": event.seq, "ts_s": round(event.ts_s, 3), **event.body}
    return sse.encode(jsonio.encode(body), event=event.topic, event_id=str(event.seq))
