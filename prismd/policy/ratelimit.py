"""How often a key may call: sliding windows of 60 s, and a number of calls at once.

Invariant: in any span of 60 s, its edges included, at most ``rate_limit_rpm`` calls are admitted,
they use at most ``rate_limit_tpm`` tokens, and never more than ``max_concurrency`` run at once.
Tokens are reserved before a call, as many as it can use, and corrected when it is known how many
it has used. Calls that follow each other within ``GRAIN_S`` are counted together, and leave the
window together, with the last of them: so thousands of calls per second are a few numbers. The
state belongs to the process, not to a config snapshot: a reload or a changed key resets nothing.
"""

from collections import deque
from math import ceil

import msgspec

from prismd.kernel.errors import LimitReached
from prismd.wire.key import KeyRecord

WINDOW_S = 60.0
GRAIN_S = 0.05
"""How long the calls of one ``_Span`` may be apart."""
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
    """The tokens of one call in its key's window: first as many as it can use, then as it has."""

    tokens: int
    span: "_Span"
    lane: "_Lane"

    def correct(self, used: int) -> None:
        """Replace what was reserved by what was used, if it is still in the window."""
        if self.span.is_in_window:
            more = used - self.tokens
            self.span.tokens += more
            self.lane.tokens += more
        self.tokens = used


class _Span:
    """Calls that came within ``GRAIN_S``."""

    __slots__ = ("calls", "first_s", "is_in_window", "last_s", "tokens")

    def __init__(self, at_s: float) -> None:
        self.first_s = self.last_s = at_s
        self.calls = self.tokens = 0
        self.is_in_window = True


class _Lane:
    """One key's admissions and tokens in the last minute, and its running calls."""

    __slots__ = ("calls", "running", "spans", "tokens")

    def __init__(self) -> None:
        self.running = 0
        self.spans: deque[_Span] = deque()
        self.calls = self.tokens = 0
        """The sums of ``spans``."""

    def span(self, now_s: float) -> _Span:
        """Return where to count a call that comes now."""
        spans = self.spans
        if spans and now_s - spans[-1].first_s < GRAIN_S:
            last = spans[-1]
            last.last_s = max(last.last_s, now_s)
            return last
        begun = _Span(now_s)
        spans.append(begun)
        return begun

    def state(self, limit: int, now_s: float) -> RateState:
        """Return where a key with this limit per minute stands."""
        reset_s = self.spans[-1].last_s + WINDOW_S - now_s if self.calls else 0.0
        return RateState(limit, max(0, limit - self.calls), reset_s)

    def check_slots(self, slots: int, limit: int | None, now_s: float) -> None:
        """Refuse a call when so many run; ``limit`` is that per minute, for the headers."""
        if self.running >= slots:
            state = None if limit is None else self.state(limit, now_s)
            raise _too_many_at_once(slots, state)

    def check_calls(self, limit: int, now_s: float) -> None:
        """Refuse a call when the window has so many."""
        if self.calls >= limit:
            raise _too_many_calls(self, limit, now_s)

    def check_tokens(self, tokens: int, limit: int, now_s: float) -> None:
        """Refuse a call whose tokens the window does not have."""
        if self.tokens + tokens > limit:
            raise _too_many_tokens(self, limit, tokens, now_s)

    def forget(self, before_s: float) -> None:
        """Let go of what has left the window."""
        spans = self.spans
        while spans and spans[0].last_s < before_s:
            left = spans.popleft()
            left.is_in_window = False
            self.calls -= left.calls
            self.tokens -= left.tokens


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
        spans, limit, slots = lane.spans, key.rate_limit_rpm, key.max_concurrency
        if spans and spans[0].last_s < now_s - WINDOW_S:
            lane.forget(now_s - WINDOW_S)
        if slots is not None:
            lane.check_slots(slots, limit, now_s)
        if limit is not None:
            lane.check_calls(limit, now_s)
        lane.running += 1
        self.running += 1
        if limit is None:
            return None
        lane.span(now_s).calls += 1
        lane.calls += 1
        return RateState(limit, limit - lane.calls, WINDOW_S)

    def reserve_tokens(self, key: KeyRecord, tokens: int, now_s: float) -> TokenSlot | None:
        """Take tokens from the window of an admitted call's key; None when it has no limit.

        Raises:
            LimitReached: the window does not have them; nothing was taken.
        """
        limit = key.rate_limit_tpm
        if limit is None:
            return None
        lane = self._lanes[key.id]
        if lane.spans and lane.spans[0].last_s < now_s - WINDOW_S:
            lane.forget(now_s - WINDOW_S)
        lane.check_tokens(tokens, limit, now_s)
        lane.tokens += tokens
        span = lane.span(now_s)
        span.tokens += tokens
        return TokenSlot(tokens, span, lane)

    def tokens_left(self, key: KeyRecord, now_s: float) -> int | None:
        """Return how many tokens the window of a key has left; None when it has no limit."""
        if key.rate_limit_tpm is None:
            return None
        return max(0, key.rate_limit_tpm - self._look(key, now_s).tokens)

    def release(self, key_id: str) -> None:
        """Give back the slot of a call that has ended."""
        lane = self._lanes[key_id]
        lane.running -= 1
        self.running -= 1
        if not lane.running and not lane.spans:
            del self._lanes[key_id]

    def state(self, key: KeyRecord, now_s: float) -> RateState | None:
        """Return where a key stands without counting anything."""
        if key.rate_limit_rpm is None:
            return None
        return self._look(key, now_s).state(key.rate_limit_rpm, now_s)

    def check_slots(self, key: KeyRecord, now_s: float) -> int:
        """Return how many calls of a key run; raises as ``admit``, and counts nothing."""
        lane = self._look(key, now_s)
        if key.max_concurrency is not None:
            lane.check_slots(key.max_concurrency, key.rate_limit_rpm, now_s)
        return lane.running

    def check_calls(self, key: KeyRecord, now_s: float) -> None:
        """Raise as ``admit`` where the window is full, and count nothing."""
        if key.rate_limit_rpm is not None:
            self._look(key, now_s).check_calls(key.rate_limit_rpm, now_s)

    def check_tokens(self, key: KeyRecord, tokens: int, now_s: float) -> None:
        """Raise as ``reserve_tokens``, and take nothing."""
        if key.rate_limit_tpm is not None:
            self._look(key, now_s).check_tokens(tokens, key.rate_limit_tpm, now_s)

    def running_of(self, key_id: str) -> int:
        """Return how many calls of a key run."""
        lane = self._lanes.get(key_id)
        return 0 if lane is None else lane.running

    def _look(self, key: KeyRecord, now_s: float) -> _Lane:
        """Return where a key stands, or would, without beginning anything."""
        lane = self._lanes.get(key.id) or _Lane()
        lane.forget(now_s - WINDOW_S)
        return lane

    def _begin(self, key: KeyRecord) -> _Lane:
        lane = self._lanes[key.id] = _Lane()
        return lane


def _too_many_at_once(slots: int, state: RateState | None) -> LimitReached:
    msg = f"This key may run {slots} calls at once, and they are running. Wait for one to end."
    headers = {} if state is None else state.headers()
    return LimitReached(msg, param="max_concurrency", retry_after_s=BUSY_RETRY_S, headers=headers)


def _too_many_calls(lane: _Lane, limit: int, now_s: float) -> LimitReached:
    wait_s = max(0.001, _calls_leave_s(lane, limit) + WINDOW_S - now_s) if limit else WINDOW_S
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


def _calls_leave_s(lane: _Lane, limit: int) -> float:
    """Return when the last of those calls came after whose end there are fewer than the limit."""
    left = lane.calls
    for span in lane.spans:
        left -= span.calls
        if left < limit:
            return span.last_s
    return lane.spans[-1].last_s


def _room_after_s(lane: _Lane, room: int) -> float:
    """Return when the last of those calls came after whose end ``room`` tokens are taken."""
    left = lane.tokens
    for span in lane.spans:
        left -= span.tokens
        if left <= room:
            return span.last_s
    return lane.spans[-1].last_s
