"""Dollars and budgets as they are typed; and the words for budget windows, both ways."""

from decimal import Decimal, InvalidOperation

from prismctl.errors import UsageProblem
from prismctl.jsontext import Object

_WINDOWS = {"day": "daily", "week": "weekly", "month": "monthly", "total": "total"}
_WORDS = {window: word for word, window in _WINDOWS.items()}
_IS_HARD = {"": None, "hard": True, "soft": False}


def dollars(text: str) -> Decimal:
    """Read dollars.

    Raises:
        UsageProblem: it is not a plain amount.
    """
    try:
        value = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        msg = f"{text!r} is not an amount of dollars"
        raise UsageProblem(msg, hint="for example 20 or 0.5")
    return value


def budget(text: str) -> Object:
    """Read ``50/month`` or ``50/month,soft`` as fields of a budget; ``hard`` only if it is said.

    Raises:
        UsageProblem: it is something else.
    """
    limit, slash, rest = text.partition("/")
    word, _, kind = rest.partition(",")
    name = _window(word)
    if not slash or name is None or kind not in _IS_HARD:
        msg = f"{text!r} is not a budget"
        raise UsageProblem(msg, hint="for example 50/month; also /day, /week, /total; then ,soft")
    fields: Object = {"limit": dollars(limit), "window": name}
    is_hard = _IS_HARD[kind]
    return fields if is_hard is None else fields | {"hard": is_hard}


def window(text: str) -> str:
    """Read ``month`` as the API's name of a budget's window.

    Raises:
        UsageProblem: there is no such window.
    """
    name = _window(text)
    if name is None:
        msg = f"{text!r} is not a window of a budget"
        raise UsageProblem(msg, hint=f"one of: {', '.join(_WINDOWS)}")
    return name


def window_word(name: str) -> str:
    """Return how the API's name of a window is typed."""
    return _WORDS.get(name, name)


def _window(word: str) -> str | None:
    return word if word in _WORDS else _WINDOWS.get(word)
