"""Dollars, times and names in the bodies of admin requests: read strictly, kept exactly."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.money import NanoUsd, parse_usd

MAX_NAME_CHARS = 200
MAX_LABEL_CHARS = 4_000
"""The longest name or value in metadata."""
MAX_ITEMS = 1_000


def _dollars(value: object) -> NanoUsd:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        msg = "give dollars as a number, for example 2.5"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns it into an answer
    amount = parse_usd(str(value))
    if amount < 0:
        msg = "the amount must not be negative"
        raise ValueError(msg)
    return amount


_DOLLARS_SCHEMA: dict[str, JsonValue] = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]
}

Dollars = Annotated[NanoUsd, BeforeValidator(_dollars), WithJsonSchema(_DOLLARS_SCHEMA)]
"""Dollars in a request: a JSON number, or a string for more than 15 digits."""


def _amount(value: object) -> NanoUsd:
    try:
        amount = _dollars(value)
    except ValueError as error:
        raise InvalidRequest(f"'amount': {error}.", code="invalid_amount", param="amount") from None
    if amount == 0:
        raise InvalidRequest("Give more than 0 dollars.", code="invalid_amount", param="amount")
    return amount


def _moment(value: object) -> int:
    msg = "give a time from 1970 to 9999 with its offset, such as 2027-01-31T00:00:00Z"
    try:
        moment_s = clock.parse_iso(value) if isinstance(value, str) else -1
    except ValueError:
        raise ValueError(msg) from None
    if not 0 <= moment_s <= clock.LAST_S:
        raise ValueError(msg)
    return moment_s


Amount = Annotated[NanoUsd, BeforeValidator(_amount), WithJsonSchema(_DOLLARS_SCHEMA)]
"""More than 0 dollars; a wrong one has an error code of its own."""

Moment = Annotated[
    int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time in a request, as epoch seconds."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
Label = Annotated[str, Field(max_length=MAX_LABEL_CHARS)]
Names = Annotated[list[Text], Field(max_length=MAX_ITEMS)]
Limit = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
