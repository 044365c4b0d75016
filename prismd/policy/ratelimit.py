"""How often a key may call: an exact sliding window of 60 s, and a number of calls at once.

Invariant: in any span of 60 s, its edges included, at most ``rate_limit_rpm`` calls are admitted,
and never more than ``max_concurrency`` run at once. The state belongs to the process, not to a
config snapshot: a reload or a changed key resets nothing.
"""

import math
from collections import deque
from dataclasses import dataclass

from prismd.kernel.errors import LimitReached
from prismd.wire.key import KeyRecord

WINDOW_S = 60.0
BUSY_RETRY_S = 1.0
"""What to wait when all slots are taken: nobody knows when one becomes free."""


@dataclass(frozen=True, slots=True)
class RateState:
    """Where a key stands in its window; what the ``x-ratelimit-*`` headers say."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until the window is empty again."""

    def headers(self) -> dict[str, str]:
        """Return the response headers."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": str(math.ceil(self.reset_s)),
        }


class _Lane:
    """One key's admissions in the last minute, and its running calls."""

    __slots__ = ("admitted_s", "running")

    def __init__(self) -> None:
        self.admitted_s: deque[float] = deque()
        self.running = 0


class RateLimiter:
    """The windows of all keys. Used from the event loop only; times are monotonic seconds."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def admit(self, key: KeyRecord, now_s: float) -> RateState | None:
        """Count one call in, and take a slot that ``release`` gives back.

        Returns the state of the window after it; None when the key has no limit per minute.

        Raises:
            LimitReached: the window is full, or all slots are taken; nothing was counted.
        """
        lane = self._lanes.setdefault(key.id, _Lane())
        before = self._state(key, lane, now_s)
        if key.max_concurrency is not None and lane.running >= key.max_concurrency:
            msg = (
                f"This key may run {key.max_concurrency} calls at once, and they are running. "
                "Wait for one to end."
            )
            headers = before.headers() if before else {}
            raise LimitReached(
                msg, param="max_concurrency", retry_after_s=BUSY_RETRY_S, headers=headers
            )
        if before is not None and before.remaining <= 0:
            wait_s = max(0.001, self._next_free_s(key, lane, now_s))
            msg = (
                f"This key may make {before.limit} calls per minute, and has made them. "
                f"Try again in {math.ceil(wait_s)} s."
            )
            raise LimitReached(
                msg, param="rate_limit_rpm", retry_after_s=wait_s, headers=before.headers()
            )
        lane.running += 1
        if before is None:
            return None
        lane.admitted_s.append(now_s)
        return self._state(key, lane, now_s)

    def release(self, key_id: str) -> None:
        """Give back the slot of a call that has ended."""
        lane = self._lanes[key_id]
        lane.running -= 1
        if not lane.running and not lane.admitted_s:
            del self._lanes[key_id]

    def state(self, key: KeyRecord, now_s: float) -> RateState | None:
        """Return where a key stands without counting anything."""
        return self._state(key, self._lanes.get(key.id) or _Lane(), now_s)

    def running(self) -> int:
        """Return how many admitted calls run now."""
        return sum(lane.running for lane in self._lanes.values())

    @staticmethod
    def _state(key: KeyRecord, lane: _Lane, now_s: float) -> RateState | None:
        times = lane.admitted_s
        while times and times[0] < now_s - WINDOW_S:
            times.popleft()
        if key.rate_limit_rpm is None:
            return None
        reset_s = times[-1] + WINDOW_S - now_s if times else 0.0
        return RateState(key.rate_limit_rpm, max(0, key.rate_limit_rpm - len(times)), reset_s)

    @staticmethod
    def _next_free_s(key: KeyRecord, lane: _Lane, now_s: float) -> float:
        limit = key.rate_limit_rpm or 0
        if limit == 0 or not lane.admitted_s:
            return WINDOW_S
        return lane.admitted_s[len(lane.admitted_s) - limit] + WINDOW_S - now_s
