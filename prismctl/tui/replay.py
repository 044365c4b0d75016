"""A recorded feed, played again: at the pace it had, or all at once. It brings its own time.

The file is JSON lines: bodies of the event feed, and ``snapshot`` lines that stand for answers.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prismctl.errors import ConfigProblem, NotThere
from prismctl.jsontext import Object, as_object, as_text, loads
from prismctl.tui import narrowing, values

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
