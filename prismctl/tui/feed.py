"""Where events come from: one protocol, and the live source. The others: ``poll``, ``replay``.

Whoever draws takes what has come since the last time, and never waits. The live source follows the
event feed in one thread and asks admin paths in another. While the feed is not there, because the
gateway has none, the token may not, or the line is lost, the second thread derives the same events
from counters. It comes back by itself. Nothing here knows what is drawn.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from http import HTTPStatus
from typing import Protocol

from prismctl import clock
from prismctl.client.events import Event, FeedItem
from prismctl.errors import ApiError, PrismctlError
from prismctl.jsontext import Json, Object, as_objects, as_text
from prismctl.tui import values
from prismctl.tui.board import HEALTH_PATH
from prismctl.tui.poll import Poll, Reads

MAX_WAITING = 20_000
"""Events nobody has taken yet; then the oldest are dropped and counted."""
POLL_S = 2.0
TRY_FEED_S = 30.0
"""How often a gateway that has no feed is asked for it again."""
PATIENCE_S = 3.0
"""For how long after the line was lost nothing is polled: most come back at once."""
HISTORY = 200
OLDEST = 1
"""The id that all events come after: who begins is told everything that the gateway keeps."""
MAX_PAGES = 4
_PAUSE_S = 0.25
_HEALTH_S = 5.0
_VERSION_S = 60.0


class Feed(Protocol):
    """A source of events."""

    is_recorded: bool
    """Whether the events bring their own time."""

    def start(self) -> None:
        """Begin."""

    def take(self) -> list[Object]:
        """Return what has come since the last time."""

    def want(self, paths: Mapping[str, float]) -> None:
        """Ask these admin paths again and again, each every so many seconds, and no others."""

    def refresh(self) -> None:
        """Ask all wanted paths now."""

    def narrow(self, filters: Mapping[str, str]) -> None:
        """Follow only these calls; filters as the API names them."""

    def read(self, path: str) -> Object:
        """Return what an admin path answers; waits for it.

        Raises:
            PrismctlError: it does not.
        """

    def stop(self) -> None:
        """End, soon."""


class Follower(Protocol):
    """One following of the event feed: ``client.events.Events``."""

    def follow(
        self, *, filters: Mapping[str, str] | None = None, last_id: int | None = None
    ) -> Iterator[FeedItem]:
        """Yield what comes until ``close``, and first what is kept of what came after an event."""

    def close(self) -> None:
        """End ``follow``, from another thread."""


class Live:
    """A running gateway.

    Args:
        connect: Makes a follower; a new one for each change of the filters.
        reads: Reads admin paths.
    """

    is_recorded = False

    def __init__(self, connect: Callable[[], Follower], reads: Reads) -> None:
        self._connect = connect
        self._reads = reads
        self._lock = threading.Lock()
        self._waiting: deque[Object] = deque()
        self._dropped = 0
        self._stopping = threading.Event()
        self._filters: Mapping[str, str] = {}
        self._told_filters: Mapping[str, str] = {}
        self._follower: Follower | None = None
        self._wanted: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._is_streaming = False
        self._has_begun = False
        """Whether the feed was there once, and has told what it keeps."""
        self._lost_at_s = 0.0
        self._poll = Poll(reads)
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for work, name in ((self._follow, "prismctl-feed"), (self._ask, "prismctl-poll"))
        ]

    def start(self) -> None:
        """Begin."""
        self._lost_at_s = time.monotonic()
        for thread in self._threads:
            thread.start()

    def take(self) -> list[Object]:
        """Return what has come since the last time."""
        with self._lock:
            found, dropped = list(self._waiting), self._dropped
            self._waiting.clear()
            self._dropped = 0
        if dropped:
            found.append({"type": "gap", "missed": dropped, "reason": "slow", "ts_s": _now()})
        return found

    def want(self, paths: Mapping[str, float]) -> None:
        """Ask these admin paths again and again, each every so many seconds, and no others."""
        with self._lock:
            self._due = {name: due for name, due in self._due.items() if name in paths}
            self._wanted = dict(paths)

    def refresh(self) -> None:
        """Ask all wanted paths now."""
        with self._lock:
            self._due.clear()

    def narrow(self, filters: Mapping[str, str]) -> None:
        """Follow only these calls."""
        with self._lock:
            self._filters = dict(filters)
            follower = self._follower
        self._poll.narrow(filters)
        if follower is not None:
            follower.close()

    def read(self, path: str) -> Object:
        """Return what an admin path answers."""
        return self._reads.object(path)

    def stop(self) -> None:
        """End, soon."""
        self._stopping.set()
        with self._lock:
            follower = self._follower
        if follower is not None:
            follower.close()

    def _put(self, *events: Object) -> None:
        with self._lock:
            self._waiting.extend(events)
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                self._dropped += 1

    def _link(self, state: str, message: str = "") -> None:
        self._put({"type": "link", "state": state, "message": message, "ts_s": _now()})

    def _run(self, work: Callable[[], None]) -> None:
        """Do the work of a thread until the end, and say what stood in its way."""
        while not self._stopping.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread that ended in silence would leave the screen as it was
                if not self._stopping.is_set():
                    self._lose()
                    self._link("lost", f"unexpected {type(error).__name__}: {error}")
                self._stopping.wait(POLL_S)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                filters = self._filters
                follower = self._follower = self._connect()
            if self._stopping.is_set():
                return
            told = self._tell_history(filters)
            last_id = None if self._has_begun else OLDEST
            try:
                for item in follower.follow(filters=filters, last_id=last_id):
                    if last_id is None or not _is_old(item, told):
                        self._on_item(item)
            except PrismctlError as error:
                self._lose()
                is_denied = isinstance(error, ApiError) and error.status == HTTPStatus.UNAUTHORIZED
                self._link("denied" if is_denied else "lost", error.message)
                self._stopping.wait(TRY_FEED_S)

    def _on_item(self, item: FeedItem) -> None:
        if isinstance(item, Event):
            self._put(item.body)
        elif item.kind == "connected":
            self._is_streaming = self._has_begun = True
            self._link("live")
        elif item.kind == "lost":
            self._lose()
            self._link("lost", item.message)

    def _lose(self) -> None:
        if self._is_streaming:
            self._lost_at_s = time.monotonic()
        self._is_streaming = False

    def _tell_history(self, filters: Mapping[str, str]) -> Sequence[Object]:
        """Tell of the newest stored calls, so that a screen does not begin empty; return them."""
        data: list[Json] = []
        with suppress(PrismctlError):
            data = list(self._poll.stored(HISTORY, filters))
        is_new = filters != self._told_filters
        self._told_filters = filters
        self._put({"type": "history", "data": data, "is_new": is_new, "ts_s": _now()})
        return as_objects(data)

    def _ask(self) -> None:
        """Ask what is due: the wanted paths, and the counters while there is no feed."""
        next_poll_s = 0.0
        while not self._stopping.is_set():
            now_s = time.monotonic()
            for path in self._take_due(now_s):
                if self._stopping.is_set():
                    return
                self._ask_one(path)
            is_alone = not self._is_streaming and now_s - self._lost_at_s >= PATIENCE_S
            if is_alone and now_s >= next_poll_s:
                next_poll_s = now_s + POLL_S
                self._derive()
            self._stopping.wait(_PAUSE_S)

    def _take_due(self, now_s: float) -> list[str]:
        with self._lock:
            wanted = {HEALTH_PATH: _HEALTH_S, "/-/capabilities": _VERSION_S, **self._wanted}
            due = [path for path in wanted if self._due.get(path, 0.0) <= now_s]
            self._due.update({path: now_s + wanted[path] for path in due})
        return due

    def _ask_one(self, path: str) -> None:
        try:
            body: Object = whole_list(self._reads.object, path)
        except PrismctlError as error:
            body = error.as_object()
        self._put({"type": "snapshot", "path": path, "body": body, "ts_s": _now()})

    def _derive(self) -> None:
        try:
            events = self._poll.events(_now())
        except PrismctlError as error:
            self._link("lost", error.message)
            return
        if not self._is_streaming:
            self._put(*events)
            self._link("polling", "no event feed; counters are read every 2 s")


def _is_old(item: FeedItem, told: Sequence[Object]) -> bool:
    """Say whether what the gateway keeps of the past is known, or of no use to who has just come.

    Calls of the past are stored ones, newest first; and that there were more events than are kept
    is no loss to somebody who was not there.
    """
    if not isinstance(item, Event):
        return False
    if item.topic == "gap":
        return item.body.get("reason") == "resumed"
    if item.topic != "call" or not told:
        return False
    is_before = values.real(item.body.get("ts_s")) < values.real(told[-1].get("ts_s"))
    return is_before or any(item.body.get("request_id") == one.get("id") for one in told)


def whole_list(get: Callable[[str], Object], path: str) -> Object:
    """Return what a path answers; of a list the first pages in one."""
    answer = get(path)
    rows = as_objects(answer.get("data"))
    mark, last_id = "&" if "?" in path else "?", as_text(answer.get("last_id"))
    for _ in range(MAX_PAGES - 1):
        if not answer.get("has_more") or not last_id:
            break
        more = get(f"{path}{mark}after={last_id}")
        rows += as_objects(more.get("data"))
        last_id = as_text(more.get("last_id"))
        answer = {**answer, "data": list(rows), "has_more": more.get("has_more")}
    return answer


def _now() -> Decimal:
    return Decimal(f"{clock.now().timestamp():.3f}")
