"""A budget: how much may be spent in a window of time, by whom or on what."""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class BudgetScope(StrEnum):
    """What a budget is for, in the order in which budgets are asked."""

    KEY = "key"
    OWNER = "owner"
    ORG = "org"
    MODEL = "model"
    TAG = "tag"

    __hash__ = str.__hash__  # that of an enum is Python code, and this is looked up by


class BudgetWindow(StrEnum):
    """How long a budget lasts; windows start at midnight UTC (weeks on Monday)."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    TOTAL = "total"

    __hash__ = str.__hash__  # that of an enum is Python code, and this is looked up by


DEFAULT_WARN_PERCENT = 80


class Budget(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A spending limit. One per scope, subject and window."""

    id: str
    scope: BudgetScope
    subject: str
    """Key id, owner, org id, model (a trailing ``*`` matches any ending) or ``name=value``."""
    window: BudgetWindow = BudgetWindow.MONTHLY
    limit_nano_usd: int
    is_hard: bool = True
    """A hard one refuses calls, a soft one only warns."""
    warn_percent: int = DEFAULT_WARN_PERCENT
    created_at_s: int
    updated_at_s: int


class WindowRef(NamedTuple):
    """One window of one budget."""

    budget_id: str
    starts_at_s: int
    """0 for a budget that never starts anew."""


class WindowSums(msgspec.Struct):
    """What a window has seen. Mutable: its owner counts in it."""

    spent_nano_usd: int = 0
    held_nano_usd: int = 0
    forgiven_nano_usd: int = 0
    """What had been spent when the budget was last reset: it does not count any more."""

    @property
    def counted_nano_usd(self) -> int:
        """What counts against the limit, without what is held."""
        return self.spent_nano_usd - self.forgiven_nano_usd
