"""Fields of an event as they should be, whatever they are: a feed from elsewhere may hold anything.

Nothing here raises. A number that is missing, of another kind, or absurd is 0.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from prismctl.jsontext import Json, Object

MAX_NUMBER = 2**63 - 1
MAX_TEXT = 2_000
"""Characters kept of one field."""


def real(value: Json) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return 0.0
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return 0.0
    return number if math.isfinite(number) and abs(number) <= MAX_NUMBER else 0.0


def whole(value: Json) -> int:
    """Return a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= MAX_NUMBER else 0
    return int(real(value))


def count(value: Json) -> int:
    """Return a whole number that is not negative."""
    return max(0, whole(value))


def text(value: Json) -> str:
    """Return a text, cut at ``MAX_TEXT``; empty if it is none."""
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def counts(value: Json, length: int) -> tuple[int, ...]:
    """Return a list of so many counts; none if it is another list."""
    if not isinstance(value, list) or len(value) != length or length == 1:
        return ()
    return tuple(count(item) for item in value)


def bounds(value: Json) -> tuple[float, ...]:
    """Return the upper bounds of a histogram, rising; none if they are not."""
    if not isinstance(value, list) or len(value) > 100:  # noqa: PLR2004 - no histogram has more
        return ()
    found = tuple(real(item) for item in value)
    return found if all(a < b for a, b in pairwise(found)) else ()


def objects(value: Json, limit: int) -> Sequence[Object]:
    """Return the objects in a list, so many at most."""
    if not isinstance(value, list):
        return ()
    return [item for item in value[:limit] if isinstance(item, dict)]
