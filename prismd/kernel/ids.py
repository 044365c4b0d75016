"""Prefixed ids that sort by time of creation and carry 130 random bits.

Layout: ``<prefix>_`` + 36 characters of lower-case base32hex: 10 for 48 bits of Unix milliseconds,
then 26 random ones. Sortable as text; not guessable.
"""

import secrets
from collections.abc import Callable

from prismd.kernel import clock

_POOL_BYTES = 4_096
_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_PAIRS = [bytes((first, second)).decode() for first in _DIGITS for second in _DIGITS]
_RANDOM_CHARS = 26
_RANDOM_DIGIT = _DIGITS * (256 // len(_DIGITS))
"""Byte → digit; each digit for as many bytes."""


class IdMaker:
    """Makes ids.

    Random digits are made many at a time, because asking the system for a few costs as much; and
    all but the last two digits of the time are the same for a quarter of a second.
    """

    __slots__ = ("_at", "_digits", "_random_bytes", "_span", "_span_digits")

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """Take the source of randomness."""
        self._random_bytes = random_bytes
        self._digits = ""
        self._at = 0
        self._span = -1
        self._span_digits = ""

    def new_id(self, prefix: str) -> str:
        """Return a new id such as ``req_0ddc7…``."""
        at = self._at
        end = at + _RANDOM_CHARS
        if end > len(self._digits):
            self._digits = self._random_bytes(_POOL_BYTES).translate(_RANDOM_DIGIT).decode()
            at, end = 0, _RANDOM_CHARS
        self._at = end
        bits = int(clock.wall_s() * 1000) << 2
        span = bits >> 10
        if span != self._span:
            self._span = span
            self._span_digits = "".join([_PAIRS[span >> by & 1023] for by in (30, 20, 10, 0)])
        return f"{prefix}_{self._span_digits}{_PAIRS[bits & 1023]}{self._digits[at:end]}"


new_id = IdMaker().new_id
"""Return a new id with a prefix."""
