"""How providers are doing, seen from real calls only: counts over a sliding window of 5 minutes.

A caller's own mistake (a vendor's 4xx, except a refused credential) is not a provider's failure.
The state belongs to the process; a reload resets nothing.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

WINDOW_S = 300
_BUCKET_S = 10
_EWMA_WEIGHT = 0.3
_DEGRADED_RATIO = 0.99
_FAILING_RATIO = 0.5


@dataclass(slots=True)
class _Bucket:
    start_s: float
    ok: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Record:
    buckets: deque[_Bucket] = field(default_factory=deque)
    latency_ewma_ms: float | None = None
    last_error: str | None = None
    last_error_at_s: float | None = None
    last_success_at_s: float | None = None

    def bucket(self, now_s: float) -> _Bucket:
        buckets = self.buckets
        if buckets and 0 <= now_s - buckets[-1].start_s < _BUCKET_S:
            return buckets[-1]
        begun = _Bucket(now_s - now_s % _BUCKET_S)
        buckets.append(begun)
        self.forget(now_s)
        return begun

    def forget(self, now_s: float) -> None:
        while self.buckets and self.buckets[0].start_s + _BUCKET_S <= now_s - WINDOW_S:
            self.buckets.popleft()


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one provider now. Times are wall-clock epoch seconds."""

    ok: int
    failed: int
    latency_ewma_ms: float | None
    last_error: str | None
    last_error_at_s: float | None
    last_success_at_s: float | None

    @property
    def success_ratio(self) -> float | None:
        """Share of calls in the window that the provider served; None without calls."""
        total = self.ok + self.failed
        return self.ok / total if total else None

    @property
    def reason(self) -> str:
        """Say in a line why the state is what it is."""
        total = self.ok + self.failed
        if not total:
            return f"no calls for {WINDOW_S // 60} minutes"
        said = f"{self.failed} of {total} calls of the last {WINDOW_S // 60} minutes failed"
        return f"{said}, the last one with {self.last_error}" if self.failed else said

    @property
    def state(self) -> str:
        """``idle`` (no calls in the window), ``healthy``, ``degraded`` or ``failing``."""
        ratio = self.success_ratio
        if ratio is None:
            return "idle"
        if ratio < _FAILING_RATIO:
            return "failing"
        return "healthy" if ratio >= _DEGRADED_RATIO else "degraded"


class HealthBook:
    """The health of all providers, by provider id."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._told: dict[str, str] = {}
        """Provider id → the state that ``changed`` saw last."""

    def served(self, provider_id: str, *, latency_ms: float, now_s: float, wall_s: float) -> None:
        """Count a call that the provider answered, refusals of the caller's request included."""
        record = self._records.get(provider_id) or self._begin(provider_id)
        record.bucket(now_s).ok += 1
        record.last_success_at_s = wall_s
        before = record.latency_ewma_ms
        record.latency_ewma_ms = (
            latency_ms if before is None else before + _EWMA_WEIGHT * (latency_ms - before)
        )

    def failed(self, provider_id: str, *, error: str, now_s: float, wall_s: float) -> None:
        """Count a call that the provider failed."""
        record = self._records.get(provider_id) or self._begin(provider_id)
        record.bucket(now_s).failed += 1
        record.last_error = error
        record.last_error_at_s = wall_s

    def _begin(self, provider_id: str) -> _Record:
        record = self._records[provider_id] = _Record()
        return record

    def of(self, provider_id: str, now_s: float) -> Health:
        """Return what is known of a provider."""
        record = self._records.get(provider_id) or _Record()
        record.forget(now_s)
        return Health(
            ok=sum(bucket.ok for bucket in record.buckets),
            failed=sum(bucket.failed for bucket in record.buckets),
            latency_ewma_ms=record.latency_ewma_ms,
            last_error=record.last_error,
            last_error_at_s=record.last_error_at_s,
            last_success_at_s=record.last_success_at_s,
        )

    def changed(self, healths: Mapping[str, Health]) -> Iterator[tuple[str, str, Health]]:
        """Yield id, state before and health of each provider whose state is another one now."""
        for provider_id, health in healths.items():
            was = self._told.get(provider_id, "idle")
            if health.state != was:
                self._told[provider_id] = health.state
                yield provider_id, was, health
