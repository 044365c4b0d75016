"""A call that nobody makes, asked about by ``explain``."""

from collections.abc import Mapping

import msgspec

from prismd.wire.call import Op
from prismd.wire.key import KeyRecord

ANYBODY = KeyRecord(
    id="", digest=b"", prefix="", name="", metadata={}, created_at_s=0, updated_at_s=0
)
"""Stands for the key where none is given: it has no rules of its own."""

Told = tuple[str, Mapping[str, object]]
"""What a rule says that lets a call pass: a line, and its figures."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A call that nobody makes."""

    model: str
    op: Op
    key: KeyRecord | None
    ip: str | None
    input_tokens: int
    max_tokens: int | None
    tools: tuple[str, ...]
    tags: Mapping[str, str]
    """All of them, also those of the key."""

    @property
    def asker(self) -> KeyRecord:
        """The key whose rules count."""
        return self.key or ANYBODY

    def needs_key(self) -> None:
        """Raise ``NotAsked`` where no key is given."""
        if self.key is None:
            msg = "no key is given"
            raise NotAsked(msg)


class NotAsked(Exception):
    """A rule has nothing to decide about."""
