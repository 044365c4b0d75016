"""Which budgets a call counts in, and when their windows begin and end. In memory, pure.

Windows follow the calendar in UTC, so no change of local time touches them, and a wall clock that
steps back returns to the window it left: nothing is ever begun twice.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

from prismd.policy.access import matches
from prismd.wire.budget import Budget, BudgetScope, BudgetWindow, WindowRef
from prismd.wire.key import KeyRecord

DAY_S = 86_400
"""Windows begin and end with a day."""
_WEEK_DAYS = 7
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday, three days after a Monday."""
_DECEMBER = 12
_MAX_REMEMBERED = 4_096
"""Callers and models whose budgets are remembered at once."""
_WINDOW_ORDER = {window: place for place, window in enumerate(BudgetWindow)}


def bounds(window: BudgetWindow, at_s: float) -> tuple[int, int | None]:
    """Return when the window around a moment begins and ends (epoch seconds; None: never)."""
    return _bounds_on(window, int(at_s // DAY_S))


@lru_cache(maxsize=256)
def _bounds_on(window: BudgetWindow, day: int) -> tuple[int, int | None]:
    """Return the window around a day, counted from the epoch."""
    if window is BudgetWindow.DAILY:
        return day * DAY_S, (day + 1) * DAY_S
    if window is BudgetWindow.WEEKLY:
        monday = day - (day + _EPOCH_WEEKDAY) % _WEEK_DAYS
        return monday * DAY_S, (monday + _WEEK_DAYS) * DAY_S
    if window is BudgetWindow.MONTHLY:
        now = datetime.fromtimestamp(day * DAY_S, UTC)
        begins = datetime(now.year, now.month, 1, tzinfo=UTC)
        is_december = now.month == _DECEMBER
        ends = begins.replace(
            year=now.year + is_december, month=1 if is_december else now.month + 1
        )
        return int(begins.timestamp()), int(ends.timestamp())
    return 0, None


def window_at(budget: Budget, at_s: float) -> WindowRef:
    """Return the window of a budget around a moment."""
    return WindowRef(budget.id, bounds(budget.window, at_s)[0])


def _window_order(budget: Budget) -> int:
    return _WINDOW_ORDER[budget.window]


_Asked: TypeAlias = tuple[str, str | None, str | None, str]
"""Key id, owner, org id, model."""


class BudgetBook:
    """Every budget. Changed from the event loop only, after the change is durable."""

    def __init__(self, budgets: Iterable[Budget] = ()) -> None:
        self._by_id: dict[str, Budget] = {}
        self.get: Callable[[str], Budget | None] = self._by_id.get
        """Return the budget with this id."""
        self._by_subject: dict[tuple[BudgetScope, str], tuple[Budget, ...]] = {}
        self._model_patterns: dict[str, Budget] = {}
        self._tagged: set[str] = set()
        """Ids of those that are for a tag."""
        self._untagged: dict[_Asked, tuple[Budget, ...]] = {}
        """What ``matching`` has found, but for tags; forgotten with each change."""
        for budget in budgets:
            self.put(budget)

    def all(self) -> list[Budget]:
        """Return every budget, by id."""
        return [self._by_id[budget_id] for budget_id in sorted(self._by_id)]

    def of(self, scope: BudgetScope, subject: str) -> tuple[Budget, ...]:
        """Return the budgets of one subject, the shortest window first."""
        return self._by_subject.get((scope, subject), ())

    def put(self, budget: Budget) -> None:
        """Add a budget, or replace it by its changed record."""
        self._by_id[budget.id] = budget
        if budget.scope is BudgetScope.MODEL and budget.subject.endswith("*"):
            self._model_patterns[budget.id] = budget
        if budget.scope is BudgetScope.TAG:
            self._tagged.add(budget.id)
        self._untagged.clear()
        others = self._others(budget)
        self._by_subject[budget.scope, budget.subject] = tuple(
            sorted((*others, budget), key=_window_order)
        )

    def remove(self, budget_id: str) -> None:
        """Forget a budget."""
        budget = self._by_id.pop(budget_id)
        self._model_patterns.pop(budget_id, None)
        self._tagged.discard(budget_id)
        self._untagged.clear()
        subject = (budget.scope, budget.subject)
        self._by_subject[subject] = self._others(budget)
        if not self._by_subject[subject]:
            del self._by_subject[subject]

    def _others(self, budget: Budget) -> tuple[Budget, ...]:
        same = self.of(budget.scope, budget.subject)
        return tuple(other for other in same if other.id != budget.id)

    def matching(self, key: KeyRecord, model: str, tags: Mapping[str, str]) -> tuple[Budget, ...]:
        """Return the budgets that a call counts in, in the order of their scopes.

        As long as no budget changes, calls of the same key and model get the same tuple.
        """
        asked = (key.id, key.owner, key.org_id, model)
        found = self._untagged.get(asked)
        if found is None:
            found = self._find(asked)
        if self._tagged:
            for name, value in tags.items():
                found += self.of(BudgetScope.TAG, f"{name}={value}")
        return found

    def _find(self, asked: _Asked) -> tuple[Budget, ...]:
        key_id, owner, org_id, model = asked
        found = list(self.of(BudgetScope.KEY, key_id))
        if owner is not None:
            found += self.of(BudgetScope.OWNER, owner)
        if org_id is not None:
            found += self.of(BudgetScope.ORG, org_id)
        found += self.of(BudgetScope.MODEL, model)
        found += [
            budget
            for budget in self._model_patterns.values()
            if budget.subject != model and matches(model, (budget.subject,))
        ]
        if len(self._untagged) >= _MAX_REMEMBERED:  # a caller may name any model
            self._untagged.clear()
        self._untagged[asked] = tuple(found)
        return self._untagged[asked]
