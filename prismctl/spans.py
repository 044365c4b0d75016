"""Spans of time and moments as they are typed: 500ms, 10m, 24h, 2027-01-31T12:00Z."""

import re
from datetime import UTC, datetime, timedelta

from prismctl import clock
from prismctl.errors import UsageProblem

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w)")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def is_span(text: str) -> bool:
    """Say whether a text is a span of time, or a bare number."""
    return _SPAN.fullmatch(text) is not None or _SPAN.fullmatch(f"{text}s") is not None


def seconds(flag: str, text: str, *, unit: str = "s") -> float:
    """Read a span of time in seconds; a bare number is in ``unit``.

    Raises:
        UsageProblem: it is none, or no time at all.
    """
    found = _SPAN.fullmatch(text) or _SPAN.fullmatch(f"{text}{unit}")
    span_s = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if span_s <= 0:
        msg = f"{flag} {text!r} is not a span of time"
        raise UsageProblem(msg, hint="for example 500ms, 30s, 10m or 24h")
    return span_s


def moment(flag: str, text: str) -> datetime:
    """Read a moment: so long ago, or a time; without a zone it is UTC.

    Raises:
        UsageProblem: it is something else.
    """
    try:
        if _SPAN.fullmatch(text):
            return clock.now() - timedelta(seconds=seconds(flag, text))
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        msg = f"{flag} {text!r} is not a time"
        raise UsageProblem(msg, hint="for example 10m, 24h or 2027-01-31T12:00Z") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def written(moment: datetime) -> str:
    """Return a moment as the API reads it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
