"""What the key rooms read and write (api-reference §1.16, with everything its docs promise)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
)

from prismd.endpoints.replies import ListOf, Usd, time_text, usd
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.money import NanoUsd, parse_usd
from prismd.policy.access import parse_networks
from prismd.policy.identity import is_expired
from prismd.wire.key import Budget, BudgetWindow, KeyChanges, KeyRecord, KeyStatus, KeyType

MAX_NAME_CHARS = 200
MAX_LABEL_CHARS = 4_000
"""The longest name or value in metadata."""
MAX_ITEMS = 1_000
MAX_TIME_S = 253_402_300_799
"""The last second of the year 9999."""


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
    if not 0 <= moment_s <= MAX_TIME_S:
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


class BudgetInput(BaseModel):
    """A spending limit."""

    model_config = ConfigDict(extra="forbid")

    limit: Dollars
    window: BudgetWindow = BudgetWindow.MONTHLY
    hard: Annotated[bool, Field(strict=True)] = True

    def to_wire(self) -> Budget:
        """Return the budget as it is stored."""
        return Budget(limit_nano_usd=self.limit, window=self.window, hard=self.hard)


class KeyFields(BaseModel):
    """The fields that a key may be given. For every list: null no restriction, [] nothing."""

    model_config = ConfigDict(extra="forbid")

    owner: Text | None = None
    org_id: Text | None = None
    models: Names | None = None
    """Model names; a trailing ``*`` matches any ending."""
    providers: Names | None = None
    metadata: dict[Label, Label] | None = None
    key_type: KeyType | None = None
    rate_limit_rpm: Limit | None = None
    rate_limit_tpm: Limit | None = None
    max_concurrency: Limit | None = None
    allowed_ips: Names | None = None
    """Addresses or CIDR networks."""
    allowed_tools: Names | None = None
    denied_tools: Names | None = None
    expires_at: Moment | None = None
    budgets: Annotated[list[BudgetInput], Field(max_length=MAX_ITEMS)] | None = None

    @field_validator("allowed_ips")
    @classmethod
    def _are_networks(cls, value: list[str] | None) -> list[str] | None:
        parse_networks(tuple(value or ()))
        return value

    def changes(self) -> KeyChanges:
        """Return the given fields as ``KeyRecord`` has them; what is null is cleared."""
        given = (_to_record(name, getattr(self, name)) for name in self.model_fields_set)
        return cast("KeyChanges", dict(given))


def _to_record(name: str, value: object) -> tuple[str, object]:
    if name == "expires_at":
        return "expires_at_s", value
    if name == "status":
        return name, KeyStatus(str(value))
    if name == "budgets":
        items = value if isinstance(value, list) else []
        return name, tuple(item.to_wire() for item in items if isinstance(item, BudgetInput))
    if name == "credits":
        return "credits_nano_usd", value or NanoUsd(0)
    if name == "metadata":
        return name, value or {}
    if name == "key_type":
        return name, value or KeyType.BYOK
    return name, tuple(value) if isinstance(value, list) else value


class KeyCreate(KeyFields):
    """Body of ``POST /-/keys``."""

    name: Text
    credits: Dollars | None = None
    """Prepaid credits to begin with; the key becomes ``managed``."""


class KeyUpdate(KeyFields):
    """Body of ``PUT /-/keys/{key_id}``: only the fields given are changed."""

    name: Text = ""
    status: Literal["active", "blocked"] = "active"
    """A key is revoked with DELETE."""


class CreditsAdd(BaseModel):
    """Body of ``POST /-/keys/{key_id}/credits``."""

    model_config = ConfigDict(extra="forbid")

    amount: Amount


class BudgetObject(BaseModel):
    """A spending limit as it is shown."""

    limit: Usd
    limit_nano_usd: int
    window: BudgetWindow
    hard: bool


class KeyObject(BaseModel):
    """A key as it is shown; never the secret."""

    id: str
    object: Literal["key"]
    prefix: str
    name: str
    status: KeyStatus
    is_expired: bool
    key_type: KeyType
    owner: str | None
    org_id: str | None
    models: list[str] | None
    providers: list[str] | None
    metadata: dict[str, str]
    credits: Usd
    credits_nano_usd: int
    rate_limit_rpm: int | None
    rate_limit_tpm: int | None
    max_concurrency: int | None
    allowed_ips: list[str] | None
    allowed_tools: list[str] | None
    denied_tools: list[str] | None
    expires_at: AwareDatetime | None
    budgets: list[BudgetObject]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    last_used_at: AwareDatetime | None
    version: int


class NewKeyObject(KeyObject):
    """A key just made: the only time its secret is shown."""

    key: str


class KeyList(ListOf):
    """A page of keys."""

    data: list[KeyObject]


class CreditsReply(BaseModel):
    """The balance after credits were added."""

    key_id: str
    added: Usd
    added_nano_usd: int
    credit_balance: Usd
    credit_balance_nano_usd: int


def view(record: KeyRecord, *, now_s: float, last_used_at_s: float | None) -> dict[str, object]:
    """Return a key as ``KeyObject``."""
    return {
        "id": record.id,
        "object": "key",
        "prefix": record.prefix,
        "name": record.name,
        "status": record.status,
        "is_expired": is_expired(record, now_s),
        "key_type": record.key_type,
        "owner": record.owner,
        "org_id": record.org_id,
        "models": record.models,
        "providers": record.providers,
        "metadata": dict[str, str](record.metadata),
        **usd("credits", record.credits_nano_usd),
        "rate_limit_rpm": record.rate_limit_rpm,
        "rate_limit_tpm": record.rate_limit_tpm,
        "max_concurrency": record.max_concurrency,
        "allowed_ips": record.allowed_ips,
        "allowed_tools": record.allowed_tools,
        "denied_tools": record.denied_tools,
        "expires_at": time_text(record.expires_at_s),
        "budgets": [_budget_view(budget) for budget in record.budgets],
        "created_at": time_text(record.created_at_s),
        "updated_at": time_text(record.updated_at_s),
        "last_used_at": time_text(last_used_at_s),
        "version": record.version,
    }


def _budget_view(budget: Budget) -> Mapping[str, object]:
    return {
        **usd("limit", budget.limit_nano_usd),
        "window": budget.window,
        "hard": budget.hard,
    }
