"""Open files and connections of this process: how many there may be, and how many there are."""

import contextlib
import resource
from pathlib import Path

_OPEN = Path("/dev/fd")
"""A directory of them; the systems that we run on have it."""


def raise_limit() -> int:
    """Allow as many open descriptors as the system lets us have; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # more than the kernel allows
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return limit()


def limit() -> int:
    """Return how many descriptors may be open at once."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def count_open() -> int:
    """Return how many descriptors are open; the limit, when there is none left to look with."""
    try:
        return sum(1 for _ in _OPEN.iterdir()) - 1  # without the one that the look itself took
    except OSError:
        return limit()
