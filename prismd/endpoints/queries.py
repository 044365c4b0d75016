"""Query parameters that several rooms read."""

import re
from collections.abc import Iterator
from inspect import isclass

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest

_AGO = re.compile(r"(\d{1,6})([hd])")
_SECONDS = {"h": 3600, "d": 86_400}
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})")
_MAX_NUMBER = 2**63 - 1
"""The largest integer of the database."""


def check_names(request: Request) -> None:
    """Refuse a parameter that the route of a request does not have.

    Left out, a filter with a slip in its name would answer with everything.

    Raises:
        InvalidRequest: there is one; it names those there are.
    """
    route: APIRoute = request.scope["route"]
    unknown = set(request.query_params).difference(_names_of(route.dependant))
    if not unknown:
        return
    name, known = min(unknown), ", ".join(sorted(_names_of(route.dependant)))
    takes = f"It takes: {known}." if known else "It takes none."
    msg = f"This request has no parameter '{name}'. {takes}"
    raise InvalidRequest(msg, code="unknown_field", param=name)


def _names_of(dependant: Dependant) -> Iterator[str]:
    """Name the query parameters of a route and of what it depends on."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isclass(kind) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from _names_of(dependency)


def moment(param: str, text: str) -> float:
    """Read a time in a query (RFC 3339, or a span before now such as ``24h``) as epoch seconds.

    What lies before 1970 or after 9999 is taken as their begin or end: there is nothing there.

    Raises:
        InvalidRequest: neither.
    """
    if match := _AGO.fullmatch(text):
        return max(0.0, clock.wall_s() - int(match[1]) * _SECONDS[match[2]])
    try:
        return min(max(0, clock.parse_iso(text)), clock.LAST_S)
    except ValueError:
        msg = f"'{param}' is a time such as 2027-01-31T00:00:00Z, or a span such as 24h or 7d."
        raise InvalidRequest(msg, code="invalid_value", param=param) from None


def number(param: str, text: str) -> int:
    """Read the id of a numbered entry in a query.

    Raises:
        InvalidRequest: it is none.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_NUMBER)):
        return min(int(text), _MAX_NUMBER)
    msg = f"'{param}' is the id of an entry: the last one of the page before."
    raise InvalidRequest(msg, code="invalid_value", param=param)


def statuses(param: str, text: str) -> frozenset[int]:
    """Read statuses in a query, such as ``429`` or ``4xx,5xx``.

    Raises:
        InvalidRequest: one of them is neither.
    """
    found: set[int] = set()
    for part in (part.strip().lower() for part in text.split(",")):
        if not _STATUS.fullmatch(part):
            msg = f"'{param}' is a list of statuses such as 429 or 4xx, with commas between them."
            raise InvalidRequest(msg, code="invalid_value", param=param)
        first = int(part.replace("x", "0"))
        found |= set(range(first, first + 100)) if part.endswith("xx") else {first}
    return frozenset(found)


def page_size(param: str, text: str | None, *, usual: int, most: int) -> int:
    """Read how many entries are on a page; there are never more than ``most``.

    Raises:
        InvalidRequest: it is no number from 1 on.
    """
    if text is None:
        return usual
    if text.isascii() and text.isdigit() and (wanted := number(param, text)):
        return min(wanted, most)
    msg = f"'{param}' is a number from 1 to {most}."
    raise InvalidRequest(msg, code="invalid_value", param=param)
