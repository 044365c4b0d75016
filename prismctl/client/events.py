"""The event feed, followed for as long as somebody wants it: lost, found again, resumed.

What comes out is what the gateway said and how the line to it is; nothing here knows what an event
means. One thread follows; any other may ``close``.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from prismctl.client import sse
from prismctl.client.http import Http, Stream, TimedOut
from prismctl.errors import ApiError, PrismctlError, Unreachable
from prismctl.jsontext import Json, Object, as_text, loads

PATH = "/-/events"
SILENCE_S = 35.0
"""Two heartbeats of the gateway and a bit: who is quiet for longer is gone."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
_COME_BACK = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened in the gateway. ``body`` is the feed's JSON, unchanged."""

    topic: str
    id: int | None
    """What to resume after; None for what has no place in the feed, a ``gap``."""
    body: Object


@dataclass(frozen=True, slots=True)
class State:
    """How the line to the gateway is."""

    kind: Literal["connected", "lost", "heartbeat"]
    message: str = ""
    """Why it is lost, one line."""


FeedItem = Event | State
_CONNECTED = State("connected")


class Events:
    """The feed of one gateway.

    Args:
        http: The client; it stays its owner's.
        wait: Sleeps between two tries, and says whether ``close`` ended it. Tests give their own.
        silence_s: How long nothing may come.
    """

    def __init__(
        self,
        http: Http,
        *,
        wait: Callable[[float], bool] | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.malformed = 0
        """How many events were skipped that no one could read."""
        self._http = http
        self._silence_s = silence_s
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._lock = threading.Lock()
        self._cut: Callable[[], None] | None = None

    def follow(
        self,
        *,
        topics: Sequence[str] = (),
        filters: Mapping[str, str] | None = None,
        last_id: int | None = None,
        is_resuming: bool = True,
    ) -> Iterator[FeedItem]:
        """Yield what comes until ``close``; a lost line is made again, ever more slowly.

        Args:
            topics: What to follow; none for all.
            filters: As the API names them.
            last_id: The event to resume after, if one was seen before.
            is_resuming: Whether what was missed while the line was lost is asked for.

        Raises:
            ApiError: the gateway refuses, and would refuse again: not signed in, no such feed.
            Unreachable: what answers is no gateway.
        """
        params = dict(filters or {})
        if topics:
            params["topics"] = ",".join(topics)
        seen_id, wait_s = last_id, FIRST_WAIT_S
        while not self._closed.is_set():
            why = "the gateway ended the feed"
            try:
                for item in self._connection(params, seen_id if is_resuming else None):
                    if isinstance(item, Event) and item.id is not None:
                        seen_id = item.id
                    wait_s = wait_s if item == _CONNECTED else FIRST_WAIT_S
                    yield item
            except (PrismctlError, sse.SseOverflow) as error:
                why = self._why(error)
            if self._closed.is_set():
                return
            yield State("lost", why)
            if self._wait(wait_s):
                return
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def close(self) -> None:
        """End ``follow``, from any thread, also while it waits for the next event."""
        with self._lock:
            self._closed.set()
            if self._cut is not None:
                self._cut()

    def _connection(self, params: Mapping[str, str], after_id: int | None) -> Iterator[FeedItem]:
        """Yield what comes through one connection."""
        headers = {"accept": "text/event-stream"}
        if after_id is not None:
            headers["last-event-id"] = str(after_id)
        with self._http.stream(
            "GET", PATH, params=params, headers=headers, silence_s=self._silence_s
        ) as stream:
            _check(stream)
            with self._lock:
                if self._closed.is_set():
                    return
                self._cut = stream.cut
            try:
                yield _CONNECTED
                yield from self._items(stream)
            finally:
                with self._lock:
                    self._cut = None

    def _items(self, stream: Stream) -> Iterator[FeedItem]:
        for item in sse.items(stream.chunks):
            if isinstance(item, sse.Comment):
                yield State("heartbeat")
            elif (event := _read(item.data)) is not None:
                yield event
            else:
                self.malformed += 1

    def _why(self, error: PrismctlError | sse.SseOverflow) -> str:
        """Say why the line is lost; raise the error again if it would be the same next time."""
        if isinstance(error, sse.SseOverflow):
            return "an event of the feed does not end"
        if isinstance(error, TimedOut):
            return f"nothing was heard for {self._silence_s:g} s"
        is_passing = _may_pass(error) if isinstance(error, ApiError) else _is_line(error)
        if not is_passing:
            raise error
        return error.message


class _NotAFeed(Unreachable):
    """Something else than an event stream came with a good status."""


def _check(stream: Stream) -> None:
    if not stream.headers.get("content-type", "").startswith("text/event-stream"):
        raise _NotAFeed(
            "the answer is no event feed: is this the URL of a Prism gateway?",
            hint="see: prismctl contexts list",
        )


def _is_line(error: PrismctlError) -> bool:
    return isinstance(error, Unreachable) and not isinstance(error, _NotAFeed)


def _may_pass(error: ApiError) -> bool:
    """Say whether the same request may be answered later."""
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status in _COME_BACK


def _read(text: str) -> Event | None:
    """Return the event that a text holds; None if it holds none."""
    try:
        body: Json = loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not (topic := as_text(body.get("type"))):
        return None
    seq = body.get("id")
    if not isinstance(seq, int) or isinstance(seq, bool):
        seq = None
    return Event(topic, seq, body)
