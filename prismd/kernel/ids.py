"""Prefixed ids that sort by time of creation and carry 130 random bits.

Layout: ``<prefix>_`` + 36 characters of lower-case base32hex: 10 for 48 bits of Unix milliseconds,
then 26 random ones. Sortable as text; not guessable.
"""

import secrets

from prismd.kernel import clock

_POOL_BYTES = 4_096


class _Pool:
    """Random bytes of the system, many at a time: asking for a few costs as much."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, count: int) -> bytes:
        """Return bytes that nobody has had."""
        if len(self._rest) < count:
            self._rest = secrets.token_bytes(_POOL_BYTES)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


random_bytes = _Pool().take
"""Source of randomness; tests replace it."""

_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_PAIRS = [bytes((first, second)).decode() for first in _DIGITS for second in _DIGITS]
_RANDOM_CHARS = 26
_RANDOM_DIGIT = _DIGITS * (256 // len(_DIGITS))
"""Byte → digit; each digit for as many bytes."""


def new_id(prefix: str) -> str:
    """Return a new id such as ``req_0ddc7…``."""
    bits = int(clock.wall_s() * 1000) << 2
    return (
        f"{prefix}_{_PAIRS[bits >> 40 & 1023]}{_PAIRS[bits >> 30 & 1023]}"
        f"{_PAIRS[bits >> 20 & 1023]}{_PAIRS[bits >> 10 & 1023]}{_PAIRS[bits & 1023]}"
        f"{random_bytes(_RANDOM_CHARS).translate(_RANDOM_DIGIT).decode()}"
    )
