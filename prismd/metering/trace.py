"""The decision trace of one call: which stage took how long and decided what. No prompt text."""

from collections.abc import Callable
from typing import TypeVar

from prismd.kernel import clock

T = TypeVar("T")

_Tell = Callable[[object], dict[str, object]]
"""Given what stands beside it."""


class Trace:
    """Collected while a call walks the corridor; put together only when it is written down.

    It may not hold on to a request or an answer: it outlives the call.
    """

    __slots__ = ("_ends", "_started_s", "_tries")

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._ends: list[tuple[str, float, _Tell | None, object]] = []
        self._tries: list[tuple[str, str, int | None, str]] = []

    def stage(self, name: str) -> None:
        """Note that a stage has ended."""
        self._ends.append((name, clock.monotonic_s(), None, None))

    def decided(self, name: str, about: T, tell: Callable[[T], dict[str, object]]) -> None:
        """Note that a stage has ended; ``tell`` says of ``about`` what it decided."""
        self._ends.append((name, clock.monotonic_s(), tell, about))  # type: ignore[arg-type]

    def attempt(self, provider: str, model: str, *, status: int | None, outcome: str) -> None:
        """Note one try at an upstream; ``status`` is None when there was no answer."""
        self._tries.append((provider, model, status, outcome))

    @property
    def attempt_count(self) -> int:
        """How many tries there were."""
        return len(self._tries)

    @property
    def stages(self) -> list[dict[str, object]]:
        """The stages in their order."""
        began_s, found = self._started_s, []
        for name, ended_s, tell, about in self._ends:
            ms = round((ended_s - began_s) * 1000, 3)
            found.append({"stage": name, "ms": ms, "detail": tell(about) if tell else {}})
            began_s = ended_s
        return found

    @property
    def attempts(self) -> list[dict[str, object]]:
        """The tries in their order."""
        return [
            {"provider": provider, "model": model, "status": status, "outcome": outcome}
            for provider, model, status, outcome in self._tries
        ]
