"""``GET /-/events``: what happens in the gateway, as it happens (server-sent events).

``Last-Event-ID`` resumes from what is kept of recent events; a viewer that is too slow loses the
oldest and gets a ``gap`` event with their number; silence is broken by a comment every 15 seconds.
The first event leaves at once, and what follows within ``PAUSE_S`` leaves together: a write costs
as much as ten events.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from prismd.endpoints import deps
from prismd.endpoints.admin.event_filter import EventQuery
from prismd.endpoints.admin.request_types import bodies_view
from prismd.kernel import clock, jsonio, sse
from prismd.kernel.bus import MAX_VIEWERS, Bus
from prismd.kernel.errors import Overloaded
from prismd.kernel.event import Event
from prismd.kernel.viewer import Queued, Viewer
from prismd.store.bodies import BodyLog

room = APIRouter(tags=["events"], dependencies=[Depends(deps.admin)])

HEARTBEAT_S = 15.0
PAUSE_S = 0.05
MAX_TOGETHER = 200
"""Events that leave together: what a viewer that does not read may hold in memory twice."""
RETRY_S = 5.0
_MAX_DIGITS = 18


@room.get(
    "/-/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def watch_events(
    gateway: deps.TheGateway,
    query: Annotated[EventQuery, Query()],
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> StreamingResponse:
    """Follow the event feed. All but ``topics`` and ``sample`` narrow calls, and refused ones."""
    topics, wants, per_s = query.wanted_topics(), query.wants(gateway), query.per_s()
    if gateway.bus.is_full:
        msg = f"{MAX_VIEWERS} viewers watch already. End one, or try again in a moment."
        raise Overloaded(msg, code="too_many_viewers", retry_after_s=RETRY_S)
    is_seq = bool(last_event_id and last_event_id.isdecimal() and len(last_event_id) < _MAX_DIGITS)
    after_seq = int(last_event_id or 0) if is_seq else None
    viewer = gateway.bus.watch(topics, wants, per_s=per_s, after_seq=after_seq)
    return _Feed(gateway.bus, viewer, gateway.bodies if query.bodies else None)


class _Feed(StreamingResponse):
    """The answer that a viewer reads. Who goes is forgotten, also before the first byte."""

    def __init__(self, bus: Bus, viewer: Viewer, bodies: BodyLog | None) -> None:
        super().__init__(
            follow(viewer, bus.node, bodies),
            media_type="text/event-stream",
            headers={"cache-control": "no-cache"},
        )
        self._bus = bus
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._bus.unwatch(self._viewer)


async def follow(viewer: Viewer, node: str, bodies: BodyLog | None = None) -> AsyncIterator[bytes]:
    """Yield what a viewer is sent, until the feed is over; with ``bodies``, what is kept there."""
    yield sse.comment(b"prism event feed")
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                queued = await viewer.take(MAX_TOGETHER)
        except TimeoutError:
            yield sse.comment()
            continue
        if not queued:
            return
        gaps = [_gap(reason, missed, node) for reason, missed in viewer.take_missed().items()]
        if bodies is None:
            yield b"".join([*gaps, *map(_encode, queued)])
        else:
            yield b"".join(gaps)
            for one in queued:  # each as large as a call may be
                yield _encode(one, await _bodies_of(one[0], bodies))
        # Who is behind does not wait as well, but lets others run.
        await asyncio.sleep(PAUSE_S if len(queued) < MAX_TOGETHER else 0)


def _gap(reason: str, missed: int, node: str) -> bytes:
    ts_s = round(clock.wall_s(), 3)
    body = {"type": "gap", "ts_s": ts_s, "node": node, "missed": missed, "reason": reason}
    return sse.encode(jsonio.encode(body), event="gap")


async def _bodies_of(event: Event, bodies: BodyLog) -> bytes:
    """Return what was asked and answered in a call as more members of its event."""
    if event.topic != "call" or not event.json or not event.body["has_bodies"]:
        return b""
    view = bodies_view(await bodies.get(str(event.body["request_id"])))
    return b"," + jsonio.encode(view)[1:-1]


def _encode(queued: Queued, more: bytes = b"") -> bytes:
    event, left_out = queued
    if not event.json:
        return b""
    end = more + (b"}" if left_out is None else b',"left_out":%d}' % left_out)
    return sse.encode(event.json + end, event=event.topic, event_id=str(event.seq))
