"""One subscriber of the event feed: a bounded queue, and its share of what happens often.

A viewer that is too slow loses its oldest events and is told how many; it makes nobody wait. Of
what happens often it is given no more than it has asked for, and with each how many were left out.
A filter that fails is no fault of what it was asked about: whoever publishes does not hear of it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from prismd.kernel.event import Event

log = logging.getLogger("prism.events")

VIEWER_EVENTS = 1_000
OFTEN = ("call", "guard")
"""Topics of which a viewer is given a sample."""

Wants = Callable[[str, object], bool]
"""Given a topic and what an event is about; asked before anything is made of it."""


Queued = tuple[Event, int | None]
"""An event, and how many of its topic were left out before it; None where none ever is."""


class Sampler:
    """Choose at most so many events of each second, spread over it as far as can be foreseen."""

    def __init__(self, per_s: int) -> None:
        self.left_out = 0
        """Since the last that was chosen."""
        self._per_s = per_s
        self._second = 0
        self._seen = self._chosen = 0
        """Of this second."""
        self._last_s = 0.0
        self._stride = 1

    def passes(self, at_s: float) -> bool:
        """Say whether an event of that moment is chosen."""
        second = int(at_s)
        if not 0 <= self._second - second <= 1:  # a call may be told of after a later one
            is_next = second == self._second + 1
            self._stride = max(1, -(-self._seen // self._per_s)) if is_next else 1
            self._second, self._seen, self._chosen = second, 0, 0
        is_turn = self._seen % self._stride == 0 or at_s - self._last_s >= 1 / self._per_s
        self._seen += 1
        self._last_s = at_s
        if is_turn and self._chosen < self._per_s:
            self._chosen += 1
            return True
        self.left_out += 1
        return False


class Viewer:
    """One subscriber's bounded queue. Created by ``Bus.watch``; close it with ``Bus.unwatch``."""

    def __init__(self, wants: Wants | None = None, *, per_s: int | None = None) -> None:
        self._wants = wants
        self._has_failed = False
        self._samplers = {} if per_s is None else {topic: Sampler(per_s) for topic in OFTEN}
        self._missed: dict[str, int] = {}
        """Reason → events that ``take_missed`` has to tell of."""
        self._is_closed = False
        self._events: deque[Queued] = deque()
        self._most = VIEWER_EVENTS
        self._ready = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Queue an event if it is wanted; drop the oldest when full."""
        topic = event.topic
        if self._wants is not None:
            try:
                if not self._wants(topic, event.about):
                    return
            except Exception:
                if not self._has_failed:
                    self._has_failed = True
                    log.exception("a viewer is not given what its filter fails to judge")
                return
        left_out = 0 if topic in OFTEN else None
        if left_out is not None and (sampler := self._samplers.get(topic)) is not None:
            if not sampler.passes(event.ts_s):
                return
            left_out, sampler.left_out = sampler.left_out, 0
        if len(self._events) >= self._most:
            self._drop()
        self._events.append((event, left_out))
        self._ready.set()

    def replay(self, events: Sequence[Event], *, missed: int) -> None:
        """Queue what came before the viewer did, ``missed`` of it being lost."""
        if missed:
            self._missed["resumed"] = missed
        self._most += len(events)
        for event in events:
            self.offer(event)

    async def take(self, most: int) -> list[Queued]:
        """Wait for events and return those that are here; none when the feed is over."""
        events = self._events
        while not events and not self._is_closed:
            self._ready.clear()
            await self._ready.wait()
        return [events.popleft() for _ in range(min(most, len(events)))]

    def take_missed(self) -> dict[str, int]:
        """Return how many events were lost since the last call, by reason."""
        missed, self._missed = self._missed, {}
        return missed

    def close(self) -> None:
        """End the feed for this viewer: ``take`` gives what is queued, then nothing."""
        self._is_closed = True
        self._ready.set()

    def _drop(self) -> None:
        event, left_out = self._events.popleft()
        if left_out and (sampler := self._samplers.get(event.topic)) is not None:
            sampler.left_out += left_out
        self._missed["slow"] = self._missed.get("slow", 0) + 1
