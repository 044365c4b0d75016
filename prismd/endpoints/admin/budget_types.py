"""What rooms read and write about budgets."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from prismd.endpoints.admin.amounts import Dollars
from prismd.endpoints.replies import Usd, time_text, usd
from prismd.kernel import clock
from prismd.kernel.ids import new_id
from prismd.policy.budgets import bounds
from prismd.policy.reserve import Reserve
from prismd.wire.budget import DEFAULT_WARN_PERCENT, Budget, BudgetScope, BudgetWindow

WarnPercent = Annotated[int, Field(strict=True, ge=1, le=100)]


class BudgetInput(BaseModel):
    """A spending limit of a subject that is known from elsewhere."""

    model_config = ConfigDict(extra="forbid")

    limit: Dollars
    window: BudgetWindow = BudgetWindow.MONTHLY
    hard: Annotated[bool, Field(strict=True)] = True
    warn_percent: WarnPercent = DEFAULT_WARN_PERCENT

    def budget(self, scope: BudgetScope, subject: str, *, before: Budget | None = None) -> Budget:
        """Return the budget of a subject: a new one, or the next version of ``before``."""
        now_s = clock.now_s()
        return Budget(
            id=before.id if before else new_id("bgt"),
            scope=scope,
            subject=subject,
            window=self.window,
            limit_nano_usd=self.limit,
            is_hard=self.hard,
            warn_percent=self.warn_percent,
            created_at_s=before.created_at_s if before else now_s,
            updated_at_s=now_s,
        )


class BudgetObject(BaseModel):
    """A budget, and where it stands in its current window."""

    id: str
    object: Literal["budget"]
    scope: BudgetScope
    subject: str
    window: BudgetWindow
    hard: bool
    warn_percent: int
    limit: Usd
    limit_nano_usd: int
    spent: Usd
    """What counts in this window: since its beginning, or since the budget was reset in it."""
    spent_nano_usd: int
    held: Usd
    """What running calls may still cost."""
    held_nano_usd: int
    remaining: Usd
    remaining_nano_usd: int
    state: Literal["ok", "warning", "exceeded"]
    window_starts_at: AwareDatetime | None
    resets_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


def budget_view(budget: Budget, reserve: Reserve) -> dict[str, object]:
    """Return a budget as ``BudgetObject``."""
    now_s = clock.wall_s()
    sums = reserve.sums(budget, now_s)
    spent = sums.counted_nano_usd
    starts_s, ends_s = bounds(budget.window, now_s)
    return {
        "id": budget.id,
        "object": "budget",
        "scope": budget.scope,
        "subject": budget.subject,
        "window": budget.window,
        "hard": budget.is_hard,
        "warn_percent": budget.warn_percent,
        **usd("limit", budget.limit_nano_usd),
        **usd("spent", spent),
        **usd("held", sums.held_nano_usd),
        **usd("remaining", budget.limit_nano_usd - spent - sums.held_nano_usd),
        "state": _state(budget, spent),
        "window_starts_at": time_text(starts_s) if ends_s else None,
        "resets_at": time_text(ends_s),
        "created_at": time_text(budget.created_at_s),
        "updated_at": time_text(budget.updated_at_s),
    }


def _state(budget: Budget, spent: int) -> str:
    if spent >= budget.limit_nano_usd:
        return "exceeded"
    return "warning" if spent * 100 >= budget.limit_nano_usd * budget.warn_percent else "ok"
