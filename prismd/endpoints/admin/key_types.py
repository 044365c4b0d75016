"""What the key rooms read and write (api-reference §1.16, with everything its docs promise)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from prismd.endpoints.replies import ListOf, time_text, usd
from prismd.kernel.money import NanoUsd, parse_usd
from prismd.policy.access import parse_networks
from prismd.policy.identity import is_expired
from prismd.wire.key import Budget, BudgetWindow, KeyChanges, KeyRecord, KeyStatus, KeyType

MAX_NAME_CHARS = 200
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


Dollars = Annotated[
    NanoUsd,
    BeforeValidator(_dollars),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
"""Dollars in a request: a JSON number, or a string for more than 15 digits."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
Names = Annotated[list[Text], Field(max_length=MAX_ITEMS)]
Limit = Annotated[int, Field(ge=0, le=1_000_000_000)]


class BudgetInput(BaseModel):
    """A spending limit."""

    model_config = ConfigDict(extra="forbid")

    limit: Dollars
    window: BudgetWindow = BudgetWindow.MONTHLY
    hard: bool = True

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
    metadata: dict[str, str] | None = None
    key_type: KeyType | None = None
    rate_limit_rpm: Limit | None = None
    rate_limit_tpm: Limit | None = None
    max_concurrency: Limit | None = None
    allowed_ips: Names | None = None
    """Addresses or CIDR networks."""
    allowed_tools: Names | None = None
    denied_tools: Names | None = None
    expires_at: AwareDatetime | None = None
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
        return "expires_at_s", int(value.timestamp()) if isinstance(value, datetime) else None
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
    status: Literal[KeyStatus.ACTIVE, KeyStatus.BLOCKED] = KeyStatus.ACTIVE


class CreditsAdd(BaseModel):
    """Body of ``POST /-/keys/{key_id}/credits``."""

    model_config = ConfigDict(extra="forbid")

    amount: Dollars


class BudgetObject(BaseModel):
    """A spending limit as it is shown."""

    limit: Decimal
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
    credits: Decimal
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
    added: Decimal
    added_nano_usd: int
    credit_balance: Decimal
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
