"""How often a key may call: exact sliding windows of 60 s, and a number of calls at once.

Invariant: in any span of 60 s, its edges included, at most ``rate_limit_rpm`` calls are admitted,
they use at most ``rate_limit_tpm`` tokens, and never more than ``max_concurrency`` run at once.
Tokens are reserved before a call, as many as it can use, and corrected when it is known how many
it has used. The state belongs to the process, not to a config snapshot: a reload or a changed key
resets nothing.
"""

from collections import deque
from math import ceil

import msgspec

from prismd.kernel.errors import LimitReached
from prismd.wire.key import KeyRecord

WINDOW_S = 60.0
BUSY_RETRY_S = 1.0
"""What to wait when all slots are taken: nobody knows when one becomes free."""


class RateState(msgspec.Struct, frozen=True):
    """Where a key stands in its window; what the ``x-ratelimit-*`` headers say."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until the window is empty again."""

    def headers(self) -> dict[str, str]:
        """Return the response headers."""
        return {
            "x-ratelimit-limit-requests": f"{self.limit}",
            "x-ratelimit-remaining-requests": f"{self.remaining}",
            "x-ratelimit-reset-requests": f"{ceil(self.reset_s)}",
        }


class TokenSlot(msgspec.Struct, gc=False, eq=False):
    """The tokens of one call in its key's window: first as many as it can use, then as it has.

    There is one per call of the last minute, so it is small.
    """

    tokens: int
    at_s: float
    lane: "_Lane | None"
    """Whose sum it is in; None when it has left the window."""

    def correct(self, used: int) -> None:
        """Replace what was reserved by what was used, if it is still in the window."""
        if self.lane is not None:
            self.lane.tokens += used - self.tokens
        self.tokens = used

    def leave(self) -> None:
        """Leave the window: a call counts in the minute after it was admitted."""
        if self.lane is not None:
            self.lane.tokens -= self.tokens
            self.lane = None


class _Lane:
    """One key's admissions and tokens in the last minute, and its running calls."""

    __slots__ = ("admitted_s", "running", "slots", "tokens")

    def __init__(self) -> None:
        self.admitted_s: deque[float] = deque()
        self.running = 0
        self.slots: deque[TokenSlot] = deque()
        self.tokens = 0
        """The sum of ``slots``."""

    def state(self, limit: int, now_s: float) -> RateState:
        """Return where a key with this limit per minute stands."""
        times = self.admitted_s
        reset_s = times[-1] + WINDOW_S - now_s if times else 0.0
        return RateState(limit, max(0, limit - len(times)), reset_s)

    def forget_admitted(self, before_s: float) -> None:
        """Let go of the calls that have left the window."""
        while self.admitted_s and self.admitted_s[0] < before_s:
            self.admitted_s.popleft()

    def forget_slots(self, before_s: float) -> None:
        """Let go of the tokens that have left the window."""
        while self.slots and self.slots[0].at_s < before_s:
            self.slots.popleft().leave()


class RateLimiter:
    """The windows of all keys. Used from the event loop only; times are monotonic seconds."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self.running = 0
        """How many admitted calls run now, of all keys."""

    def admit(self, key: KeyRecord, now_s: float) -> RateState | None:
        """Count one call in, and take a slot that ``release`` gives back.

        Returns the state of the window after it; None when the key has no limit per minute.

        Raises:
            LimitReached: the window is full, or all slots are taken; nothing was counted.
        """
        lane = self._lanes.get(key.id) or self._begin(key)
        admitted_s, limit, slots = lane.admitted_s, key.rate_limit_rpm, key.max_concurrency
        if admitted_s and admitted_s[0] < now_s - WINDOW_S:
            lane.forget_admitted(now_s - WINDOW_S)
        if slots is not None and lane.running >= slots:
            state = None if limit is None else lane.state(limit, now_s)
            raise _too_many_at_once(slots, state)
        if limit is not None and len(admitted_s) >= limit:
            raise _too_many_calls(lane, limit, now_s)
        lane.running += 1
        self.running += 1
        if limit is None:
            return None
        admitted_s.append(now_s)
        return RateState(limit, limit - len(admitted_s), WINDOW_S)

    def reserve_tokens(self, key: KeyRecord, tokens: int, now_s: float) -> TokenSlot | None:
        """Take tokens from the window of an admitted call's key; None when it has no limit.

        Raises:
            LimitReached: the window does not have them; nothing was taken.
        """
        limit = key.rate_limit_tpm
        if limit is None:
            return None
        lane = self._lanes[key.id]
        slots = lane.slots
        if slots and slots[0].at_s < now_s - WINDOW_S:
            lane.forget_slots(now_s - WINDOW_S)
        taken = lane.tokens + tokens
        if taken > limit:
            raise _too_many_tokens(lane, limit, tokens, now_s)
        lane.tokens = taken
        slot = TokenSlot(tokens, now_s, lane)
        slots.append(slot)
        return slot

    def tokens_left(self, key: KeyRecord, now_s: float) -> int | None:
        """Return how many tokens the window of a key has left; None when it has no limit."""
        if key.rate_limit_tpm is None:
            return None
        lane = self._lanes.get(key.id)
        if lane is None:
            return key.rate_limit_tpm
        lane.forget_slots(now_s - WINDOW_S)
        return max(0, key.rate_limit_tpm - lane.tokens)

    def release(self, key_id: str) -> None:
        """Give back the slot of a call that has ended."""
        lane = self._lanes[key_id]
        lane.running -= 1
        self.running -= 1
        if not lane.running and not lane.admitted_s and not lane.slots:
            del self._lanes[key_id]

    def state(self, key: KeyRecord, now_s: float) -> RateState | None:
        """Return where a key stands without counting anything."""
        if key.rate_limit_rpm is None:
            return None
        lane = self._lanes.get(key.id) or _Lane()
        lane.forget_admitted(now_s - WINDOW_S)
        return lane.state(key.rate_limit_rpm, now_s)

    def _begin(self, key: KeyRecord) -> _Lane:
        lane = self._lanes[key.id] = _Lane()
        return lane


def _too_many_at_once(slots: int, state: RateState | None) -> LimitReached:
    msg = f"This key may run {slots} calls at once, and they are running. Wait for one to end."
    headers = {} if state is None else state.headers()
    return LimitReached(msg, param="max_concurrency", retry_after_s=BUSY_RETRY_S, headers=headers)


def _too_many_calls(lane: _Lane, limit: int, now_s: float) -> LimitReached:
    times = lane.admitted_s
    free_s = times[len(times) - limit] + WINDOW_S - now_s if limit and times else WINDOW_S
    wait_s = max(0.001, free_s)
    msg = (
        f"This key may make {limit} calls per minute, and has made them. "
        f"Try again in {ceil(wait_s)} s."
    )
    headers = lane.state(limit, now_s).headers()
    return LimitReached(msg, param="rate_limit_rpm", retry_after_s=wait_s, headers=headers)


def _too_many_tokens(lane: _Lane, limit: int, tokens: int, now_s: float) -> LimitReached:
    headers = {
        "x-ratelimit-limit-tokens": str(limit),
        "x-ratelimit-remaining-tokens": str(max(0, limit - lane.tokens)),
    }
    if tokens > limit:
        msg = (
            f"This call may use up to {tokens} tokens, but this key may use {limit} per minute. "
            "Ask for fewer (max_tokens), or shorten the messages."
        )
        headers["x-should-retry"] = "false"
        wait_s = WINDOW_S
    else:
        wait_s = max(0.001, _room_after_s(lane, limit - tokens) + WINDOW_S - now_s)
        msg = (
            f"This key may use {limit} tokens per minute, {lane.tokens} are used or reserved, and "
            f"this call may use up to {tokens}. Try again in {ceil(wait_s)} s."
        )
    return LimitReached(msg, param="rate_limit_tpm", retry_after_s=wait_s, headers=headers)


def _room_after_s(lane: _Lane, room: int) -> float:
    """Return when the call began after whose end no more than ``room`` tokens are taken."""
    left = lane.tokens
    for slot in lane.slots:
        left -= slot.tokens
        if left <= room:
            return slot.at_s
    return lane.slots[-1].at_s
