"""What the key rooms read and write (api-reference §1.16, with everything its docs promise)."""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from prismd.endpoints.admin.amounts import (
    MAX_ITEMS,
    Amount,
    Dollars,
    Label,
    Limit,
    Moment,
    Names,
    Text,
)
from prismd.endpoints.admin.budget_types import BudgetInput, BudgetObject, budget_view
from prismd.endpoints.replies import ListOf, Usd, time_text, usd
from prismd.policy.access import parse_networks
from prismd.policy.identity import is_expired
from prismd.policy.reserve import Reserve
from prismd.store.statements import PostingRow
from prismd.wire.budget import Budget, BudgetScope
from prismd.wire.key import KeyChanges, KeyRecord, KeyStatus, KeyType


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
        names = self.model_fields_set - _ELSEWHERE
        given = (_to_record(name, getattr(self, name)) for name in names)
        return cast("KeyChanges", dict(given))

    @field_validator("budgets")
    @classmethod
    def _have_windows_of_their_own(
        cls, value: list[BudgetInput] | None
    ) -> list[BudgetInput] | None:
        windows = [budget.window for budget in value or ()]
        if len(set(windows)) < len(windows):
            msg = "give one budget per window"
            raise ValueError(msg)
        return value

    def new_budgets(self, key_id: str, before: Sequence[Budget]) -> list[Budget] | None:
        """Return the budgets that the key is to have; None when they are not given."""
        if "budgets" not in self.model_fields_set:
            return None
        known = {budget.window: budget for budget in before}
        return [
            given.budget(BudgetScope.KEY, key_id, before=known.get(given.window))
            for given in self.budgets or ()
        ]


_ELSEWHERE = frozenset({"budgets", "credits"})
"""Given with a key, but kept in tables of their own."""


def _to_record(name: str, value: object) -> tuple[str, object]:
    if name == "expires_at":
        return "expires_at_s", value
    if name == "status":
        return name, KeyStatus(str(value))
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
    note: Text | None = None
    """Why; it stands in the history of credits."""


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
    credit_balance: Usd | None
    """Prepaid money; null for keys that are billed elsewhere."""
    credit_balance_nano_usd: int | None
    credit_held: Usd | None
    """The part of it that running calls may still cost."""
    credit_held_nano_usd: int | None
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


class CreditObject(BaseModel):
    """Credits that a key was given."""

    id: str
    object: Literal["credit"]
    created_at: AwareDatetime
    amount: Usd
    amount_nano_usd: int
    note: str | None
    request_id: str | None
    """The request that gave them: the audit log says whose it was."""


class CreditHistory(ListOf):
    """A page of credits, newest first."""

    data: list[CreditObject]


def credit_view(row: PostingRow) -> dict[str, object]:
    """Return a grant as ``CreditObject``."""
    return {
        "id": str(row.id),
        "object": "credit",
        "created_at": time_text(row.ts_ms / 1000),
        **usd("amount", row.amount_nano_usd),
        "note": row.note,
        "request_id": row.request_id,
    }


def view(
    record: KeyRecord, reserve: Reserve, *, now_s: float, last_used_at_s: float | None
) -> dict[str, object]:
    """Return a key as ``KeyObject``."""
    is_managed = record.key_type is KeyType.MANAGED
    money = reserve.credits(record.id)
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
        **usd("credit_balance", money.posted if is_managed else None),
        **usd("credit_held", money.held if is_managed else None),
        "rate_limit_rpm": record.rate_limit_rpm,
        "rate_limit_tpm": record.rate_limit_tpm,
        "max_concurrency": record.max_concurrency,
        "allowed_ips": record.allowed_ips,
        "allowed_tools": record.allowed_tools,
        "denied_tools": record.denied_tools,
        "expires_at": time_text(record.expires_at_s),
        "budgets": [
            budget_view(budget, reserve)
            for budget in reserve.budgets.of(BudgetScope.KEY, record.id)
        ],
        "created_at": time_text(record.created_at_s),
        "updated_at": time_text(record.updated_at_s),
        "last_used_at": time_text(last_used_at_s),
        "version": record.version,
    }
