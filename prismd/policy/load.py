"""May the gateway take on one more call? It says no before it is too late to say so quickly.

Three things show that it is at its limit: calls that run, the time that the event loop is behind,
and the writes that wait for the disk. The last two are sampled, so that a call asks for no more
than three comparisons. A call that is refused has cost nothing and left nothing but a count.

The loop is behind when *each* of the last samples says so: one long step (a collection, a reload)
is over when the next call comes, a queue that stands is not.
"""

from bisect import bisect_left
from collections import deque

from prismd.kernel.errors import Overloaded

PERIOD_S = 0.02
"""Time between samples."""
LAG_S = 0.025
"""What a loop may be behind: with it, a refusal is there within 50 ms."""
SAMPLES = 3
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
        self.lag_s = 0.0
        """How late the loop was at the last sample."""
        self.lag_buckets = [0] * (len(BUCKETS_S) + 1)
        self.lag_sum_s = 0.0
        self._lags: deque[float] = deque(maxlen=SAMPLES)
        self._is_behind = False
        self._is_storage_behind = False

    def sample(self, lag_s: float, waiting_writes: int) -> None:
        """Take a sample: how late the loop was, how many writes wait for the disk."""
        self.lag_s = lag_s
        self.lag_sum_s += lag_s
        self.lag_buckets[bisect_left(BUCKETS_S, lag_s)] += 1
        self._lags.append(lag_s)
        self._is_behind = len(self._lags) == SAMPLES and min(self._lags) > LAG_S
        self._is_storage_behind = waiting_writes >= WAITING_WRITES

    def check(self, running: int, max_running: int) -> None:
        """Refuse a call that there is no room for.

        Args:
            running: Calls that run.
            max_running: How many may.

        Raises:
            Overloaded: the reason is in the message and in ``shed_by_reason``.
        """
        if running >= max_running:
            raise self._shed("calls", f"{max_running} calls run (server.max_running_calls)")
        if self._is_behind:
            raise self._shed("event_loop", "more calls come than one process can handle")
        if self._is_storage_behind:
            raise self._shed("storage", "too many calls wait to be written to the disk")

    def _shed(self, reason: str, why: str) -> Overloaded:
        self.shed_by_reason[reason] += 1
        msg = f"The gateway is overloaded: {why}. Try again in a moment."
        return Overloaded(msg, retry_after_s=RETRY_S)
