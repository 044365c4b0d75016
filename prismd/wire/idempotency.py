"""An ``Idempotency-Key`` and the answer that is kept under it."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a client calls one request of its own by, and what it asks under that name."""

    scope: str
    """Whose name it is: a virtual key's id, or ``admin``. Scopes know nothing of each other."""
    digest: bytes
    """SHA-256 of the client's text."""
    fingerprint: bytes
    """SHA-256 of method, target and body."""

    @property
    def name(self) -> tuple[str, bytes]:
        """What tells it from every other key."""
        return (self.scope, self.digest)


class Answer(msgspec.Struct, frozen=True):
    """What a client was answered."""

    status: int
    headers: dict[str, str]
    """Those that describe the body; lower-case names."""
    body: bytes
    """Of a stream: all events, as they were sent."""
