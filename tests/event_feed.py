"""The event feed, as one viewer of a real daemon gets it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prismd.kernel.sse import SseDecoder, SseEvent
from tests.daemon_process import Daemon


class Feed:
    """One viewer: what has come to it, event by event."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.raw = b""
        """All that has come."""
        self._decoder = SseDecoder()
        self._chunks = chunks
        self._events: Iterator[SseEvent] = self._decode()

    def _decode(self) -> Iterator[SseEvent]:
        for chunk in self._chunks:
            self.raw += chunk
            yield from self._decoder.feed(chunk)

    def next(self) -> dict[str, Any]:
        """Wait for the next event that is no comment."""
        for event in self._events:
            if event.data is not None:
                body: dict[str, Any] = json.loads(event.data)
                assert body["type"] == event.event
                assert body.get("id") == (None if event.id is None else int(event.id))
                assert (event.id is None) == (event.event == "gap")
                assert abs(body["ts_s"] - time.time()) < 60
                assert body["node"] == socket.gethostname()
                return body
        raise EOFError

    def next_of(self, topic: str, **fields: Any) -> dict[str, Any]:
        """Skip to an event of a topic with these fields."""
        while True:
            event = self.next()
            if event["type"] == topic and fields.items() <= event.items():
                return event

    def until(self, topic: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the events up to one of a topic with these fields."""
        events = []
        while True:
            events.append(self.next())
            if events[-1]["type"] == topic and fields.items() <= events[-1].items():
                return events

    def opened(self) -> None:
        """Wait until the daemon has subscribed this viewer: the comment at the start says so."""
        assert next(self._events).data is None


@contextmanager
def feed(daemon: Daemon, last_event_id: str | None = None, **params: Any) -> Iterator[Feed]:
    headers = {} if last_event_id is None else {"last-event-id": last_event_id}
    with daemon.admin.stream("GET", "/-/events", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        viewer = Feed(answer.iter_raw())
        viewer.opened()
        yield viewer
