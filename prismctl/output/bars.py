"""Bars in cells of a table; always beside a number, so that nothing is said by length alone."""

from prismctl.output.human import Look

WIDTH = 10
"""Characters."""
_UNICODE, _ASCII = ("█", "▒", "░"), ("#", "=", ".")


def bar(used: int, held: int, whole: int, look: Look, *, width: int = WIDTH) -> str:
    """Draw what is used of a whole, and after it what is held; both in the unit of the whole.

    What is more than the whole fills the bar.
    """
    full, some, none = _UNICODE if look.is_unicode else _ASCII
    first = _cells(used, whole, width)
    second = _cells(used + held, whole, width) - first
    return full * first + some * second + none * (width - first - second)


def percent(used: int, whole: int) -> int:
    """Return how many per cent of a whole are used: 100 only if nothing is left."""
    return used * 100 // whole if whole > 0 else 100


def _cells(amount: int, whole: int, width: int) -> int:
    if whole <= 0:
        return width
    return max(0, min(width, (amount * width * 2 + whole) // (whole * 2)))
