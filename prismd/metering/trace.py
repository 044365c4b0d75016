"""The decision trace of one call: which stage took how long and decided what. No prompt text."""

from prismd.kernel import clock


class Trace:
    """Collected while a call walks the corridor; written down when it is over."""

    __slots__ = ("_last_s", "attempts", "stages")

    def __init__(self, started_s: float) -> None:
        self.stages: list[dict[str, object]] = []
        self.attempts: list[dict[str, object]] = []
        self._last_s = started_s

    def stage(self, name: str, **detail: object) -> None:
        """Note that a stage has ended, with what it decided."""
        now_s = clock.monotonic_s()
        self.stages.append(
            {"stage": name, "ms": round((now_s - self._last_s) * 1000, 3), "detail": detail}
        )
        self._last_s = now_s

    def attempt(self, provider: str, model: str, *, status: int | None, outcome: str) -> None:
        """Note one try at an upstream; ``status`` is None when there was no answer."""
        self.attempts.append(
            {"provider": provider, "model": model, "status": status, "outcome": outcome}
        )
