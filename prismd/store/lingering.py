"""Entries that need not be written at once, kept in the event loop until something calls them in.

Invariant: what lingers is in the queue before any work that must see it, and before its time is
over; nothing is ever dropped.
"""

import asyncio
from collections.abc import Callable

from prismd.store.work import Entry, Unit

LINGER_S = 0.01
"""How long an entry waits at least; it waits less than twice that, so that all share one timer."""


class Lingering:
    """Entries in their order. Used from one event loop."""

    def __init__(self, put: Callable[[Unit], None], *, most: int) -> None:
        """Hand over to ``put``, and never keep more than twice ``most``."""
        self._put = put
        self._most = most
        self._older: dict[str, Entry] = {}
        self._newer: dict[str, Entry] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._older) + len(self._newer)

    def add(self, entry: Entry) -> None:
        """Keep an entry until it is followed, or its time is over."""
        name, newer = entry.name, self._newer
        if name in newer or name in self._older or len(newer) >= self._most:
            self.call_in()
        newer[name] = entry
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._grow_older)

    def call_in_for(self, entry: Entry) -> None:
        """Hand over what must be written before an entry that does not linger."""
        if not entry.may_overtake:
            self.call_in()
            return
        before = self._newer.pop(entry.name, None) or self._older.pop(entry.name, None)
        if before is not None and not entry.take_along(before):
            self._put(before)

    def call_in(self) -> None:
        """Hand over everything, in its order."""
        for kept in (self._older, self._newer):
            for entry in kept.values():
                self._put(entry)
            kept.clear()

    def _grow_older(self) -> None:
        for entry in self._older.values():
            self._put(entry)
        self._older, self._newer, self._timer = self._newer, {}, None
        if self._older:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._grow_older)
