"""``job`` events: work that an operator has asked for and that takes its time.

What is worked on is their ``job_id``: ``id`` is the event's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prismd.kernel.bus import Bus
from prismd.kernel.errors import PrismError

NOT_SOUND = "not_sound"
"""The error of a verification that came to its end and has found something."""


@dataclass(slots=True)
class Job:
    """Work that runs; what it is about, and that it is in vain, may become known on the way."""

    id: str | None
    error: str | None = None


@contextmanager
def job(bus: Bus, kind: str, job_id: str | None = None) -> Iterator[Job]:
    """Tell that work has started, and how it ended."""
    running = Job(job_id)

    def tell(action: str, **more: object) -> None:
        bus.publish("job", {"kind": kind, "action": action, "job_id": running.id, **more})

    tell("started")
    try:
        yield running
    except BaseException as error:
        tell("failed", error=error.code if isinstance(error, PrismError) else type(error).__name__)
        raise
    if running.error is None:
        tell("finished")
    else:
        tell("failed", error=running.error)
