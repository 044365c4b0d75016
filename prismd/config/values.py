"""What single values may look like: switches, times, sizes, paths, prices.

Each type reads what a person writes and holds what the code needs (seconds, bytes, ``Decimal``).
A message continues "<name of the setting> …" and never quotes the value: it may be a secret that
was put in the wrong place.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictInt, WithJsonSchema

MAX_DURATION_S = 24 * 3600.0
MAX_RETENTION_S = 366 * 24 * 3600.0
MIN_SIZE_BYTES = 1024
MAX_SIZE_BYTES = 1024**3

_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|s|m|h))+")
_RETENTION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZE = re.compile(r"([0-9]{1,12}) ?(B|KB|MB|GB|KiB|MiB|GiB)")
_UNIT_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_PRICE = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
_UNIT_PRICE = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,12})?")


def _read_seconds(pattern: re.Pattern[str], examples: str, most_s: float) -> BeforeValidator:
    """Make a reader of times, which are seconds where they have no unit."""
    longest = f"{most_s / 3600:.0f}h" if most_s <= MAX_DURATION_S else f"{most_s / 86_400:.0f}d"

    def read(value: object) -> float:
        if isinstance(value, str) and pattern.fullmatch(value):
            parts = _DURATION_PART.findall(value)
            seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            seconds = float(value)
        else:
            msg = f"must be a time such as {examples}; a plain number is seconds"
            raise ValueError(msg)
        if not 0 < seconds <= most_s:
            msg = f"must be more than 0 and at most {longest}"
            raise ValueError(msg)
        return seconds

    return BeforeValidator(read)


def _seconds_schema(pattern: re.Pattern[str], most_s: float) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"^{pattern.pattern}$"}
    number = {"type": "number", "exclusiveMinimum": 0, "maximum": most_s}
    return WithJsonSchema({"anyOf": [number, text]})


def _bytes(value: object) -> int:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        size = int(match[1]) * _UNIT_BYTES[match[2]]
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        msg = "must be a size such as 20MiB; a plain number is bytes"
        raise ValueError(msg)
    if not MIN_SIZE_BYTES <= size <= MAX_SIZE_BYTES:
        msg = "must be between 1KiB and 1GiB"
        raise ValueError(msg)
    return size


def _path(value: object) -> Path:
    path = Path(value) if isinstance(value, str) else value
    if not isinstance(path, Path) or not str(path).isprintable():
        msg = "must be a path of printable characters"
        raise ValueError(msg)
    try:
        path = path.expanduser()
    except RuntimeError:
        msg = "begins with the home directory of a user who is not known here"
        raise ValueError(msg) from None
    if not path.is_absolute():
        # Relative to what? The daemon's working directory is not the file's: do not guess.
        msg = "must be an absolute path, or begin with ~/"
        raise ValueError(msg)
    return path


def _price(pattern: re.Pattern[str], meaning: str) -> BeforeValidator:
    """Make a reader of plain decimal dollars, exact as they are written."""

    def read(value: object) -> Decimal:
        is_number = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        if not is_number or not pattern.fullmatch(text):
            msg = f"must be plain dollars {meaning}"
            raise ValueError(msg)
        return Decimal(text)

    return BeforeValidator(read)


def _price_schema(pattern: re.Pattern[str]) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"^{pattern.pattern}$"}
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, text]})


def _filled(value: str) -> str:
    if value.startswith("${"):
        msg = "is not a place for a variable: only secrets are references"
        raise ValueError(msg)
    if not value or value != value.strip() or not value.isprintable():
        msg = "must be text on one line, not empty and without blanks at its ends"
        raise ValueError(msg)
    return value


def only_true(reason: str) -> AfterValidator:
    """Make a check for a switch that can only be on; ``reason`` says why, as a clause."""

    def check(value: bool) -> bool:
        if not value:
            msg = f"must be true: {reason}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


Switch = StrictBool
"""true or false, and nothing that only looks like it."""

Whole = StrictInt
"""A whole number; give its range with ``Field(ge=…, le=…)``."""

Name = Annotated[str, AfterValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
"""Text on one line that is not empty."""

Duration = Annotated[
    float,
    _read_seconds(_DURATION, "30s, 500ms or 1m30s", MAX_DURATION_S),
    _seconds_schema(_DURATION, MAX_DURATION_S),
]
"""Held in seconds; more than 0, at most a day."""

Retention = Annotated[
    float,
    _read_seconds(_RETENTION, "7d, 12h or 1d12h", MAX_RETENTION_S),
    _seconds_schema(_RETENTION, MAX_RETENTION_S),
]
"""How long something is kept. Held in seconds; more than 0, at most a year."""

Size = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": MIN_SIZE_BYTES, "maximum": MAX_SIZE_BYTES},
                {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
            ]
        }
    ),
]
"""Held in bytes."""

AbsolutePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
"""A path that means the same wherever the daemon was started."""

UsdPerMillion = Annotated[
    Decimal,
    _price(_PRICE, "per million, such as 0.15, with at most 6 decimals"),
    _price_schema(_PRICE),
]
"""Held exactly; a whole number of pico-dollars per token (or character)."""

UsdPerUnit = Annotated[
    Decimal,
    _price(_UNIT_PRICE, "for one, such as 0.04, with at most 12 decimals"),
    _price_schema(_UNIT_PRICE),
]
"""Held exactly; a whole number of pico-dollars."""
