"""The decision trace of one call: which stage took how long and decided what. No prompt text."""

from prismd.kernel import clock


class Trace:
    """Collected while a call walks the corridor; written down when it is over."""

    __slots__ = ("_ends", "_started_s", "attempts")

    def __init__(self, started_s: float) -> None:
        self.attempts: list[dict[str, object]] = []
        self._started_s = started_s
        self._ends: list[tuple[str, float, dict[str, object]]] = []

    def stage(self, name: str, **detail: object) -> None:
        """Note that a stage has ended, with what it decided."""
        self._ends.append((name, clock.monotonic_s(), detail))

    @property
    def stages(self) -> list[dict[str, object]]:
        """The stages in their order; put together only for those who read them."""
        began_s, found = self._started_s, []
        for name, ended_s, detail in self._ends:
            ms = round((ended_s - began_s) * 1000, 3)
            found.append({"stage": name, "ms": ms, "detail": detail})
            began_s = ended_s
        return found

    def attempt(self, provider: str, model: str, *, status: int | None, outcome: str) -> None:
        """Note one try at an upstream; ``status`` is None when there was no answer."""
        self.attempts.append(
            {"provider": provider, "model": model, "status": status, "outcome": outcome}
        )
