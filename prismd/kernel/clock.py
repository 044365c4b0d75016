"""The only clock. Tests replace ``wall_s`` and ``monotonic_s`` here; nobody imports ``time``."""

import time
from datetime import UTC, datetime

LAST_S = 253_402_300_799
"""The last second of the year 9999: ``iso`` can write none after it."""

wall_s = time.time
"""Seconds since the Unix epoch, UTC, with a fraction. For records, never for measuring."""

monotonic_s = time.monotonic
"""Seconds on a clock that never steps. For durations, deadlines and windows."""


def now_s() -> int:
    """Return the whole second of the wall clock (Unix epoch, UTC)."""
    return int(wall_s())


def utc_now() -> datetime:
    """Return the wall clock as an aware date-time, for libraries that want one."""
    return datetime.fromtimestamp(wall_s(), UTC)


def iso(epoch_s: float) -> str:
    """Write an epoch time as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> int:
    """Read an RFC 3339 date-time (an offset or ``Z`` is required) as epoch seconds.

    Raises:
        ValueError: the text is no date-time, or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = "a date-time needs an offset, for example 2027-01-31T00:00:00Z"
        raise ValueError(msg)
    return int(moment.timestamp())
