"""How rooms write JSON: money stays exact, times are RFC 3339, lists have one shape."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, WithJsonSchema

from prismd.kernel import clock, jsonio

Usd = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""Dollars in an answer: a plain decimal number."""


def json_reply(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response; ``jsonio.Usd`` values are written as plain decimal numbers."""
    return Response(
        jsonio.encode(content),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def usd(name: str, nano_usd: int | None) -> dict[str, object]:
    """Return an amount and its exact twin: ``{name: 0.5, name_nano_usd: 500000000}``."""
    return {
        name: None if nano_usd is None else jsonio.Usd(nano_usd),
        f"{name}_nano_usd": nano_usd,
    }


def time_text(epoch_s: float | None) -> str | None:
    """Write a time, or nothing."""
    return None if epoch_s is None else clock.iso(epoch_s)


def page(items: Sequence[Mapping[str, object]], *, has_more: bool) -> dict[str, object]:
    """Return a list object with its cursors."""
    return {
        "object": "list",
        "data": items,
        "has_more": has_more,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
    }


class ListOf(BaseModel):
    """The fields that every list has; a room's list model adds ``data``."""

    object: str
    has_more: bool
    first_id: str | None
    last_id: str | None
