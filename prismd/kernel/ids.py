"""Prefixed ids that sort by time of creation and carry 128 random bits.

Layout: ``<prefix>_`` + 36 characters of lower-case base32hex: 48 bits of Unix milliseconds,
then 128 random bits. Sortable as text; not guessable.
"""

import base64
import secrets

from prismd.kernel import clock

random_bytes = secrets.token_bytes
"""Source of randomness; tests replace it."""

_TIME_BYTES = 6
_RANDOM_BYTES = 16


def new_id(prefix: str) -> str:
    """Return a new id such as ``req_0ddc7…``."""
    millis = int(clock.wall_s() * 1000)
    raw = millis.to_bytes(_TIME_BYTES, "big") + random_bytes(_RANDOM_BYTES)
    return f"{prefix}_{base64.b32hexencode(raw).rstrip(b'=').decode().lower()}"
