"""Publish and subscribe inside the process: a ring of recent events and bounded viewers.

Invariant: publishing never waits and never fails. A viewer that is too slow loses its oldest events
and is told how many (``Viewer.missed``). With no viewer, publishing costs one append at most: of
what happens very often, only some are kept for those who come back, or the ring would be over in a
second and what is rare would be gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

import msgspec

T = TypeVar("T")

RING_EVENTS = 4_000
VIEWER_EVENTS = 1_000
KEPT_PER_S = 100
"""Events of one second that ``publish_about`` puts into the ring."""


class Event(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One thing that happened. ``seq`` rises by one per event and is the SSE id."""

    seq: int
    topic: str
    ts_s: float
    about: object
    tell: Callable[[object], dict[str, object]]
    """Makes the body from ``about``, only when somebody looks: most events nobody sees."""

    @property
    def body(self) -> dict[str, object]:
        """JSON-ready fields; never prompt text, never a secret."""
        return self.tell(self.about)


class Viewer:
    """One subscriber's bounded queue. Created by ``Bus.watch``; close it with ``Bus.unwatch``."""

    def __init__(self, wants: Callable[[Event], bool]) -> None:
        self.wants = wants
        self.missed = 0
        """Events dropped since ``next`` last told about it."""
        self.is_closed = False
        self._events: deque[Event] = deque()
        self._ready = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Queue an event if it is wanted; drop the oldest when full."""
        if not self.wants(event):
            return
        if len(self._events) >= VIEWER_EVENTS:
            self._events.popleft()
            self.missed += 1
        self._events.append(event)
        self._ready.set()

    async def next(self) -> Event | None:
        """Wait for the next event; None when the feed is over."""
        while not self._events and not self.is_closed:
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft() if self._events else None

    def close(self) -> None:
        """End the feed for this viewer: ``next`` gives what is queued, then None."""
        self.is_closed = True
        self._ready.set()

    def take_missed(self) -> int:
        """Return how many events were dropped since the last call."""
        missed, self.missed = self.missed, 0
        return missed


class Bus:
    """The event feed of one process. Must be used from its event loop only."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._ring: deque[Event] = deque(maxlen=RING_EVENTS)
        self._viewers: list[Viewer] = []
        self._seq = 0
        self._second = 0
        self._kept = 0
        """Of this second's events, how many ``publish_about`` has put into the ring."""

    @property
    def viewer_count(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def has_viewers(self) -> bool:
        """Say whether anybody watches; producers may skip work that only viewers need."""
        return bool(self._viewers)

    def publish(self, topic: str, body: dict[str, object]) -> None:
        """Append an event to the ring and offer it to the viewers."""
        self._seq += 1
        event = Event(self._seq, topic, self._clock_s(), body, _itself)
        self._ring.append(event)
        for viewer in self._viewers:
            viewer.offer(event)

    def publish_about(
        self, topic: str, at_s: float, about: T, tell: Callable[[T], dict[str, object]]
    ) -> None:
        """Publish one of many events; each viewer is offered all, the ring keeps some.

        Args:
            topic: As in ``publish``.
            at_s: When it happened, wall clock.
            about: What it is about.
            tell: Makes the body of ``about`` for those who look at it.
        """
        self._seq += 1
        second = int(at_s)
        if second != self._second:
            self._second, self._kept = second, 0
        self._kept += 1
        if self._kept > KEPT_PER_S and not self._viewers:
            return
        # It is given what it wants; a cast costs as much as the event.
        event = Event(self._seq, topic, at_s, about, tell)  # type: ignore[arg-type]
        if self._kept <= KEPT_PER_S:
            self._ring.append(event)
        for viewer in self._viewers:
            viewer.offer(event)

    def watch(self, wants: Callable[[Event], bool], *, after_seq: int | None = None) -> Viewer:
        """Subscribe; with ``after_seq``, first replay what the ring still holds after it.

        A number that was not reached yet is from before a restart: everything is replayed.
        """
        viewer = Viewer(wants)
        if after_seq is not None:
            after_seq = after_seq if after_seq <= self._seq else 0
            later = [event for event in self._ring if event.seq > after_seq]
            viewer.missed = self._seq - after_seq - len(later)
            for event in later:
                viewer.offer(event)
        self._viewers.append(viewer)
        return viewer

    def close(self) -> None:
        """End the feed of every viewer; the process is stopping."""
        for viewer in self._viewers:
            viewer.close()

    def unwatch(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self._viewers.remove(viewer)


def _itself(body: object) -> dict[str, object]:
    """Return a body that was made when its event was."""
    return cast("dict[str, object]", body)
