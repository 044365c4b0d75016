"""Publish and subscribe inside the process: rings of recent events, and who watches.

Invariant: publishing never waits and never fails. Each topic has a ring of its own, so that what is
rare is not pushed out by what happens often. With no viewer, publishing costs one append at most:
of what happens very often, only some are kept for those who come back.
"""

from collections import deque
from collections.abc import Callable, Collection
from typing import TypeVar, cast

from prismd.kernel.event import Event
from prismd.kernel.viewer import Viewer, Wants

T = TypeVar("T")

RING_EVENTS = 1_000
CALL_RING_EVENTS = 4_000
KEPT_PER_S = 100
"""Events of one second and topic that ``publish_about`` puts into a ring."""
MAX_VIEWERS = 64


class _Topic:
    """The newest events of a topic, who watches it, and the number of events that are lost."""

    __slots__ = ("events", "lost", "lost_seq", "of_second", "second", "viewers")

    def __init__(self, most: int) -> None:
        self.events: deque[Event] = deque(maxlen=most)
        self.viewers: list[Viewer] = []
        self.second = 0
        self.of_second = 0
        """How many ``publish_about`` has published in this second and were not yet counted lost."""
        self.lost = 0
        self.lost_seq = 0
        """The newest that is lost, or a bit above it."""

    def keep(self, event: Event) -> None:
        events = self.events
        if len(events) == events.maxlen:
            self.lost += 1
            self.lost_seq = max(self.lost_seq, events[0].seq)
        events.append(event)

    def count_lost(self, seq: int) -> None:
        """Count what was not kept of this second up to an event."""
        if self.of_second > KEPT_PER_S:
            self.lost += self.of_second - KEPT_PER_S
            self.lost_seq = seq
            self.of_second = KEPT_PER_S

    def lost_after(self, seq: int, others: Collection[Event]) -> int:
        """Return how many that came after an event are lost, ``others`` being kept of all topics.

        It is as exact as can be said from where the newest one was; never 0 if one is.
        """
        if self.lost_seq <= seq:
            return 0
        kept = sum(event.seq < self.lost_seq for event in others)
        return max(1, min(self.lost, self.lost_seq - seq - kept))


class Bus:
    """The event feed of one process. Must be used from its event loop only."""

    def __init__(self, clock_s: Callable[[], float], node: str = "") -> None:
        """Begin.

        Args:
            clock_s: The wall clock.
            node: Which machine this is, for those who watch several.
        """
        self._clock_s = clock_s
        self.node = node
        self._topics = {"call": _Topic(CALL_RING_EVENTS)}
        self._viewers: list[Viewer] = []
        # Those of a process are above those of the one before: who comes back after a restart has
        # seen none of them, and misses none.
        self._first = self._seq = int(clock_s() * 1_000_000)

    @property
    def viewer_count(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def is_full(self) -> bool:
        """Say whether as many watch as may."""
        return len(self._viewers) >= MAX_VIEWERS

    def is_watched(self, topic: str) -> bool:
        """Say whether anybody watches a topic; producers may skip work that only viewers need."""
        return bool(self._topic(topic).viewers)

    def publish(self, topic: str, body: dict[str, object], *, is_kept: bool = True) -> None:
        """Offer an event to the viewers; keep it for those who come back, unless it is soon old."""
        self._seq += 1
        event = Event(self._seq, topic, self._clock_s(), self.node, body, _itself)
        about = self._topic(topic)
        if is_kept:
            about.keep(event)
        for viewer in about.viewers:
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
        of = self._topics.get(topic) or self._topic(topic)
        second = int(at_s)
        if second != of.second:
            of.count_lost(self._seq - 1)
            of.second, of.of_second = second, 0
        of.of_second += 1
        is_kept = of.of_second <= KEPT_PER_S
        if not (is_kept or of.viewers):
            return
        # It is given what it wants; a cast costs as much as the event.
        event = Event(self._seq, topic, at_s, self.node, about, tell)  # type: ignore[arg-type]
        if is_kept:
            of.keep(event)
        for viewer in of.viewers:
            viewer.offer(event)

    def watch(
        self,
        topics: Collection[str],
        wants: Wants | None = None,
        *,
        per_s: int | None = None,
        after_seq: int | None = None,
    ) -> Viewer:
        """Subscribe.

        Args:
            topics: What to.
            wants: Which of their events; None for all.
            per_s: Of what happens often, how many a second and topic; None for all.
            after_seq: The event after which the viewer comes back: it is first given what is kept
                of what it has missed. One that this process has not given is from the one before,
                and all is new.
        """
        viewer = Viewer(wants, per_s=per_s)
        if after_seq is not None:
            self._replay(viewer, topics, after_seq if after_seq <= self._seq else 0)
        self._viewers.append(viewer)
        for topic in topics:
            self._topic(topic).viewers.append(viewer)
        return viewer

    def close(self) -> None:
        """End the feed of every viewer; the process is stopping."""
        for viewer in self._viewers:
            viewer.close()

    def unwatch(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self._viewers.remove(viewer)
        for topic in self._topics.values():
            if viewer in topic.viewers:
                topic.viewers.remove(viewer)

    def _topic(self, name: str) -> _Topic:
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = _Topic(RING_EVENTS)
        return found

    def _replay(self, viewer: Viewer, topics: Collection[str], after_seq: int) -> None:
        after_seq = max(after_seq, self._first)
        for topic in self._topics.values():
            topic.count_lost(self._seq)
        kept = [
            event
            for topic in self._topics.values()
            for event in topic.events
            if event.seq > after_seq
        ]
        wanted = [topic for name, topic in self._topics.items() if name in topics]
        viewer.replay(
            sorted((event for event in kept if event.topic in topics), key=_seq),
            missed=sum(topic.lost_after(after_seq, kept) for topic in wanted),
        )


def _seq(event: Event) -> int:
    return event.seq


def _itself(body: object) -> dict[str, object]:
    """Return a body that was made when its event was."""
    return cast("dict[str, object]", body)
