"""Values as people read them; where the output is piped, plainly: absolute times, bare numbers.

Every function takes the API's value and a ``Look``, and returns text that may still be hostile:
the table makes it harmless.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from prismctl.jsontext import Json, as_text, dumps

_FINE, _COARSE = Decimal("0.000001"), Decimal("0.0001")
_SHORTER_THAN_S_MS, _LONG_S = 999.5, 99.995
"""From where on a duration is rounded to the next unit, and to whole seconds."""
_SECONDS = (("d", 86_400), ("h", 3_600), ("m", 60))
_STATES = {
    # word: (glyph, ASCII fall-back, colour); never colour alone
    "active": ("●", "*", "green"),
    "healthy": ("●", "*", "green"),
    "ready": ("●", "*", "green"),
    "ok": ("●", "*", "green"),
    "degraded": ("▲", "!", "yellow"),
    "warning": ("▲", "!", "yellow"),
    "no price": ("▲", "!", "yellow"),
    "blocked": ("▲", "!", "yellow"),
    "expired": ("▲", "!", "yellow"),
    "failing": ("✕", "x", "red"),
    "failed": ("✕", "x", "red"),
    "revoked": ("✕", "x", "red"),
    "not_ready": ("✕", "x", "red"),
    "error": ("✕", "x", "red"),
    "critical": ("✕", "x", "red"),
    "exceeded": ("✕", "x", "red"),
    "protected": ("▲", "!", "red"),
    "refused": ("✕", "x", "red"),
    "skipped": ("○", "o", "dim"),
    "note": ("·", "-", "dim"),
    "idle": ("○", "o", "dim"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """For whom a value is written."""

    is_people: bool
    """True on a terminal; False in a pipe, where the value stays as the API wrote it."""
    is_unicode: bool
    now: datetime


def plain(value: Json, _look: Look) -> str:
    """Write a value without decoration: null is empty, a list of words has commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(str(item) for item in value)
    return value if isinstance(value, str) else dumps(value)


def allowed(value: Json, look: Look) -> str:
    """Write an allow-list: null permits all, an empty one nothing."""
    if value is None:
        return "any" if look.is_people else ""
    return plain(value, look) if value else "none"


def labels(value: Json, look: Look) -> str:
    """Write the tags of an object as ``a=1, b=2``."""
    if not isinstance(value, dict):
        return plain(value, look)
    return ", ".join(f"{name}={plain(item, look)}" for name, item in value.items())


def state(value: Json, look: Look) -> str:
    """Write a state: glyph and word for people."""
    word = plain(value, look)
    if not look.is_people or word not in _STATES:
        return word
    glyph, fallback, _ = _STATES[word]
    return f"{glyph if look.is_unicode else fallback} {word}"


def tone(value: Json) -> str:
    """Return the colour of a state."""
    return _STATES[value][2] if isinstance(value, str) and value in _STATES else ""


def dollars(value: Json, look: Look) -> str:
    """Write an amount exactly: at least two decimals for people, as many as it has."""
    if not look.is_people or not isinstance(value, int | Decimal):
        return plain(value, look)
    return _dollars(Decimal(value))


def money(value: Json, look: Look) -> str:
    """Write an amount of a table, rounded for people: to 10⁻⁴ dollars, below a dollar to 10⁻⁶."""
    if not look.is_people or not isinstance(value, int | Decimal):
        return plain(value, look)
    exact = Decimal(value)
    rounded = exact.quantize(_FINE if abs(exact) < 1 else _COARSE)
    return _dollars(rounded or exact)


def pico_dollars(value: Json, look: Look) -> str:
    """Write a whole number of pico-dollars as dollars, exactly."""
    if not isinstance(value, int):
        return plain(value, look)
    return dollars(Decimal(value).scaleb(-12).normalize(), look)


def from_nano(amount: int) -> Decimal:
    """Return nano-dollars as dollars."""
    return Decimal(amount).scaleb(-9).normalize()


def change(value: Json, look: Look) -> str:
    """Write what was added to or taken from an account: with its sign for people."""
    text = dollars(value, look)
    is_gain = look.is_people and isinstance(value, int | Decimal) and value > 0
    return f"+{text}" if is_gain else text


def number(value: Json, look: Look) -> str:
    """Write a count with thousands separators for people."""
    if look.is_people and isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return plain(value, look)


def share(value: Json, look: Look) -> str:
    """Write a ratio of 0 to 1 in per cent for people."""
    if look.is_people and isinstance(value, int | Decimal):
        return f"{float(value):.1%}"
    return plain(value, look)


def millis(value: Json, look: Look) -> str:
    """Write a duration in milliseconds: for people in three digits or so and 7 characters."""
    if not look.is_people or not isinstance(value, int | Decimal):
        return plain(value, look)
    if value < _SHORTER_THAN_S_MS:
        return f"{round(float(value), 2):.3g} ms"
    seconds = float(value) / 1000
    return f"{seconds:.2f} s" if seconds < _LONG_S else f"{seconds:,.0f} s"


def short_hash(value: Json, look: Look) -> str:
    """Write the beginning of a hash for people."""
    text = plain(value, look)
    return text[:12] if look.is_people else text


def when(value: Json, look: Look) -> str:
    """Write a time: how long ago for people, as it is in a pipe."""
    text = as_text(value)
    if not look.is_people or not text:
        return text
    try:
        seconds = (look.now - datetime.fromisoformat(text)).total_seconds()
    except (ValueError, TypeError):
        return text
    amount = _amount(abs(seconds))
    # Another machine's clock may be ahead by a little.
    return f"in {amount}" if seconds <= -1 else f"{amount} ago"


def moment(value: Json, look: Look) -> str:
    """Write a time of one object: both ways for people."""
    relative = when(value, look)
    return f"{as_text(value)} ({relative})" if look.is_people and relative else relative


def _dollars(amount: Decimal) -> str:
    whole, _, cents = format(abs(amount), "f").partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{cents.rstrip('0'):0<2}"


def _amount(seconds: float) -> str:
    for unit, size in _SECONDS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
