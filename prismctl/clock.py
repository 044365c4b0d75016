"""The only clock of prismctl, so that tests can stop it."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is prismctl's own clock


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
