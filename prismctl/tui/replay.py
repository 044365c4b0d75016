"""A recorded feed: written while it is watched, and played again, at the pace it had or at once.

What is played brings its own time.

The file is JSON lines: bodies of the event feed, and ``snapshot`` lines that stand for answers.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from prismctl import clock
from prismctl.errors import ConfigProblem, NotThere
from prismctl.jsontext import Object, as_object, as_text, dumps, loads
from prismctl.tui import narrowing, values
from prismctl.tui.feed import Feed

MAX_BYTES = 512 * 1024 * 1024


class Replay:
    """A recording.

    Args:
        events: In their order.
        monotonic_s: The clock that paces it; None to play all at once.
    """

    is_recorded = True

    def __init__(
        self, events: Iterable[Object], monotonic_s: Callable[[], float] | None = time.monotonic
    ) -> None:
        self._events = list(events)
        self._at = 0
        self._monotonic_s = monotonic_s
        self._began_s = 0.0
        self._first_s = next((ts for event in self._events if (ts := _ts_s(event))), 0.0)
        self._answers: dict[str, Object] = {}
        self._filters: Mapping[str, str] = {}
        for event in self._events:
            if event.get("type") == "snapshot":
                self._answers[as_text(event.get("path"))] = as_object(event.get("body"))

    def start(self) -> None:
        """Begin."""
        self._began_s = self._monotonic_s() if self._monotonic_s else 0.0

    def take(self) -> list[Object]:
        """Return what has come since the last time."""
        is_first = self._at == 0
        due_s = None
        if self._monotonic_s is not None:
            due_s = self._first_s + self._monotonic_s() - self._began_s
        found: list[Object] = []
        if is_first and self._events:
            found.append({"type": "link", "state": "replay"})
        while self._at < len(self._events):
            event = self._events[self._at]
            if due_s is not None and _ts_s(event) > due_s:
                break
            self._at += 1
            found += [{"type": "time", "ts_s": event.get("ts_s")}, event]
            if self._at == len(self._events):
                found.append({"type": "link", "state": "ended", "message": "end of the recording"})
        return [event for event in found if self._is_wanted(event)]

    def want(self, paths: Mapping[str, float]) -> None:
        """Nothing is asked: what was answered is in the recording."""

    def refresh(self) -> None:
        """Nothing is asked."""

    def narrow(self, filters: Mapping[str, str]) -> None:
        """Show only these calls of what comes."""
        self._filters = dict(filters)

    def read(self, path: str) -> Object:
        """Return what the path answered when it was recorded."""
        found = self._answers.get(path)
        if found is None:
            found = self._answers.get(path.partition("?")[0])
        if found is None:
            msg = f"the recording holds no answer of {path}"
            raise NotThere(msg)
        return found

    def stop(self) -> None:
        """Nothing runs."""

    def _is_wanted(self, event: Object) -> bool:
        if event.get("type") != "call":
            return True
        return narrowing.fits(event, self._filters)


class Recorder:
    """A feed that is written down while it is watched, in the form that ``load`` reads.

    Snapshots are written, too, so that all screens can be played again.
    """

    def __init__(self, feed: Feed, path: Path) -> None:
        self._feed = feed
        self.is_recorded = feed.is_recorded
        try:
            # What a gateway says of its keys and calls is for its operator alone.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            msg = f"{path}: {error.strerror}"
            raise ConfigProblem(msg) from None
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")
        # One path is read in a thread of its own.
        self._lock = threading.Lock()
        self.start, self.want, self.refresh = feed.start, feed.want, feed.refresh
        self.narrow = feed.narrow

    def take(self) -> list[Object]:
        """Return what has come since the last time, written down."""
        events = self._feed.take()
        for event in events:
            if event.get("type") not in ("link", "time"):
                self._write(event)
        return events

    def read(self, path: str) -> Object:
        """Return what an admin path answers, written down for the next time."""
        body = self._feed.read(path)
        ts_s = Decimal(f"{clock.now().timestamp():.3f}")
        self._write({"type": "snapshot", "ts_s": ts_s, "path": path, "body": body})
        return body

    def stop(self) -> None:
        """End, and close the file."""
        self._feed.stop()
        with self._lock:
            self._file.close()

    def _write(self, event: Object) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(dumps(event) + "\n")


def load(path: Path) -> list[Object]:
    """Read a recording; a line that nobody can read is left out.

    Raises:
        ConfigProblem: the file cannot be read, or holds no event.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            msg = f"{path} is too large for a recording: {size:,} bytes"
            raise ConfigProblem(msg)
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise ConfigProblem(msg) from None
    events: list[Object] = []
    for line in lines:
        try:
            event = loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and as_text(event.get("type")):
            events.append(event)
    if not events:
        msg = f"{path} holds no events"
        raise ConfigProblem(msg, hint="record one: prismctl tail -o json > feed.jsonl")
    return events


def _ts_s(event: Object) -> float:
    return values.real(event.get("ts_s"))
