"""May the gateway take on one more call? It says no before it is too late to say so quickly.

Three things show that it is at its limit: calls that run, the time that the event loop is behind,
and the writes that wait for the disk. The last two are sampled, so that a call asks for no more
than comparisons. A call that is refused has cost nothing and left nothing but a count.

When the loop has been behind for a while (``server.overload_after``), only a share of the calls is
let in, and the share is found by trying: it shrinks as long as calls keep coming and the loop stays
behind, and grows again when it is not. A long step (a collection, a reload) or a burst is over
soon and changes nothing; a standing queue does. Where the loop is late and few calls come, they are
not what it is late by.
"""

from bisect import bisect_left

from prismd.kernel.errors import Overloaded

PERIOD_S = 0.02
"""Time between samples."""
LAG_S = 0.04
"""What the loop may be behind: with it, a refusal is there in about 50 ms."""
FEW_CALLS = 4
"""In the time of a sample: so few are let in, whatever the loop does."""
SHRINK = 0.85
GROW = 0.02
LEAST_SHARE = 0.02
WAITING_WRITES = 2_500
"""Of what the writer takes, half: calls that run must be able to end."""
RETRY_S = 1.0
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the histogram of the loop's lag, seconds."""


class Load:
    """What the process carries. Used from its event loop only."""

    def __init__(self) -> None:
        self.shed_by_reason: dict[str, int] = {"calls": 0, "event_loop": 0, "storage": 0}
        """Calls that were refused."""
        self.share = 1.0
        """Of the calls that come, how many are let in; below 1 the loop is, or was just, behind."""
        self.arrived = 0
        """Calls that have come since the last sample."""
        self.lag_buckets = [0] * (len(BUCKETS_S) + 1)
        self.lag_sum_s = 0.0
        self._worst_lag_s = 0.0
        self._behind_s = 0.0
        """How long the loop has been behind without a pause."""
        self._let_in = 0.0
        """What is left of the share: whole calls are let in."""
        self._is_storage_behind = False

    def sample(self, lag_s: float, *, waiting_writes: int, patience_s: float) -> None:
        """Take a sample.

        Args:
            lag_s: How late the loop was.
            waiting_writes: How many writes wait for the disk.
            patience_s: How long the loop must be behind before calls are refused.
        """
        if lag_s <= LAG_S:
            self._behind_s = 0.0
            self.share = min(1.0, self.share + GROW)
        elif self.arrived > FEW_CALLS:
            self._behind_s += PERIOD_S + lag_s
            if self.share < 1.0 or self._behind_s >= patience_s:
                self.share = max(LEAST_SHARE, self.share * SHRINK)
        self.arrived = 0
        self.lag_sum_s += lag_s
        self.lag_buckets[bisect_left(BUCKETS_S, lag_s)] += 1
        self._worst_lag_s = max(self._worst_lag_s, lag_s)
        self._is_storage_behind = waiting_writes >= WAITING_WRITES

    def take_worst_lag_s(self) -> float:
        """Return how late the loop was at most since the last call."""
        worst_s, self._worst_lag_s = self._worst_lag_s, 0.0
        return worst_s

    def lets_in(self) -> bool:
        """Say whether the call that has just come is one of the share."""
        self.arrived += 1
        if self.share >= 1.0 or self.arrived <= FEW_CALLS:
            return True
        self._let_in += self.share
        if self._let_in >= 1.0:
            self._let_in -= 1.0
            return True
        self.shed_by_reason["event_loop"] += 1
        return False

    def check(self, running: int, max_running: int) -> None:
        """Refuse a call that there is no room for.

        Args:
            running: Calls that run.
            max_running: How many may.

        Raises:
            Overloaded: the reason is in the message and in ``shed_by_reason``.
        """
        if (obstacle := self.obstacle(running, max_running)) is not None:
            self.shed_by_reason[obstacle[0]] += 1
            raise overloaded(obstacle[1])

    def obstacle(self, running: int, max_running: int) -> tuple[str, str] | None:
        """Return why there is no room for a call, as it is counted and in words; None: there is."""
        if running >= max_running:
            return "calls", f"{max_running} calls run (server.max_running_calls)"
        if self._is_storage_behind:
            return "storage", "too many calls wait to be written to the disk"
        return None


def overloaded(why: str) -> Overloaded:
    """Return what a call is told that there is no room for."""
    msg = f"The gateway is overloaded: {why}. Try again in a moment."
    return Overloaded(msg, retry_after_s=RETRY_S)
