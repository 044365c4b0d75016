"""The leaves of a JSON schema: a string or a number that keeps the limits it states."""

import math
from collections.abc import Mapping

MAX_STRING_CHARS = 100_000

_FORMATS = {
    "date-time": "2027-01-31T12:00:00Z",
    "date": "2027-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class UnusableSchema(ValueError):
    """No instance can be built; the text says why."""


def whole(value: object, *, default: int) -> int:
    """Return a whole number of a schema (JSON may write it as ``3.0``), or the default."""
    return int(value) if isinstance(value, int | float) else default


def make_string(schema: Mapping[str, object]) -> str:
    """Return a string of the wanted format and length.

    Raises:
        UnusableSchema: no string is that long and that short.
    """
    name = schema.get("format")
    text = _FORMATS.get(name, "text") if isinstance(name, str) else "text"
    shortest = whole(schema.get("minLength"), default=0)
    longest = whole(schema.get("maxLength"), default=max(len(text), shortest))
    if longest < shortest or shortest > MAX_STRING_CHARS:
        msg = f"no string of {shortest} to {longest} characters is made"
        raise UnusableSchema(msg)
    return text.ljust(shortest, "x")[:longest]


def make_number(schema: Mapping[str, object], *, is_integer: bool) -> int | float:
    """Return a number within the limits: zero if it may be, else one beside a limit.

    Raises:
        UnusableSchema: the limits leave no number.
    """
    low = max(_limits(schema, "minimum", "exclusiveMinimum"), default=-math.inf)
    high = min(_limits(schema, "maximum", "exclusiveMaximum"), default=math.inf)
    unit = next(iter(_limits(schema, "multipleOf")), 1 if is_integer else None)
    if unit is None:
        candidates = [0, low, high, low + 1, high - 1, (low + high) / 2]
    else:
        if is_integer:
            unit = float(unit).as_integer_ratio()[0]  # the smallest whole number of such units
        edges = [*_around(low / unit), *_around(high / unit)]
        candidates = [0, *(edge * unit for edge in edges)]
    for value in candidates:
        if math.isfinite(value) and _obeys(value, schema):
            return int(value) if is_integer else value
    msg = "its limits leave no number"
    raise UnusableSchema(msg)


def _limits(schema: Mapping[str, object], *words: str) -> list[int | float]:
    values = (schema.get(word) for word in words)
    return [
        value for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _around(value: float) -> list[int]:
    """Return the whole numbers next to a value, on both sides."""
    if not math.isfinite(value):
        return []
    return [math.ceil(value), math.floor(value), math.floor(value) + 1, math.ceil(value) - 1]


def _obeys(value: float, schema: Mapping[str, object]) -> bool:
    return (
        all(value >= limit for limit in _limits(schema, "minimum"))
        and all(value > limit for limit in _limits(schema, "exclusiveMinimum"))
        and all(value <= limit for limit in _limits(schema, "maximum"))
        and all(value < limit for limit in _limits(schema, "exclusiveMaximum"))
    )
