"""Entries that need not be written at once, kept in the event loop until something calls them in.

Invariant: what lingers is in the queue before any work that must see it, and before its time is
over; nothing is ever dropped.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from prismd.kernel import clock
from prismd.store.db import Entry

JobT = TypeVar("JobT")


class Lingering(Generic[JobT]):
    """The jobs of lingering entries, in their order. Used from one event loop."""

    def __init__(self, put: Callable[[JobT], None], *, most: int) -> None:
        """Hand over to ``put``, and never keep more than ``most``."""
        self._put = put
        self._most = most
        self._jobs: dict[str, tuple[float, JobT]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many jobs are kept."""
        return len(self._jobs)

    def add(self, entry: Entry, job: JobT) -> None:
        """Keep a job until its entry is followed, or its time is over."""
        jobs, name = self._jobs, entry.name
        if name in jobs or len(jobs) >= self._most:
            self.call_in()
        jobs[name] = (clock.monotonic_s() + entry.linger_s, job)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(entry.linger_s, self._call_in_due)

    def call_in_for(self, entry: Entry) -> None:
        """Hand over what must be written before an entry that does not linger."""
        if not entry.may_overtake:
            self.call_in()
        elif (before := self._jobs.pop(entry.name, None)) is not None:
            self._put(before[1])

    def call_in(self) -> None:
        """Hand over everything, in its order."""
        for _, job in self._jobs.values():
            self._put(job)
        self._jobs.clear()

    def _call_in_due(self) -> None:
        self._timer = None
        now_s = clock.monotonic_s()
        while self._jobs:
            name, (due_s, job) = next(iter(self._jobs.items()))
            if due_s > now_s:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(due_s - now_s, self._call_in_due)
                return
            del self._jobs[name]
            self._put(job)
