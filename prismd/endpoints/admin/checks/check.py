"""One thing that the doctor looked at."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

State = Literal["ok", "warning", "failed"]

NAMED = 5
"""Things that are named; of more, how many there are."""


class Check(BaseModel):
    """One thing that was looked at."""

    id: str
    state: State
    message: str
    fix: str | None
    """What to do; null when there is nothing."""


def ok(check_id: str, message: str) -> Check:
    """Say that it is well."""
    return Check(id=check_id, state="ok", message=message, fix=None)


def warning(check_id: str, message: str, fix: str) -> Check:
    """Say that it is worth a look."""
    return Check(id=check_id, state="warning", message=message, fix=fix)


def failed(check_id: str, message: str, fix: str) -> Check:
    """Say that it is not well."""
    return Check(id=check_id, state="failed", message=message, fix=fix)


def counted(number: int, noun: str) -> str:
    """Return ``1 key`` or ``2 keys``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def naming(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
