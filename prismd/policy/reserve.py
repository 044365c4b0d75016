"""May the call be paid for? Credits and budgets: hold before the call, settle or release after.

One process, one event loop, one owner: what is decided here is exact. The same condition is part
of the statement that writes the hold, so the database would refuse what must not be.

Invariant: for prepaid credits and every hard budget, what was spent and what is held is never more
than there is, but for calls that cost more than they could have known (overruns).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prismd.kernel import clock
from prismd.kernel.errors import InsufficientCredits, LimitReached
from prismd.kernel.jsonio import Usd
from prismd.kernel.money import NanoUsd, format_usd
from prismd.policy.budgets import DAY_S, BudgetBook, bounds, window_at
from prismd.wire.budget import Budget, BudgetWindow, WindowRef, WindowSums
from prismd.wire.call import Call
from prismd.wire.key import KeyRecord, KeyType
from prismd.wire.ledger import Credits, Hold, credit_account, spend_account

HOLD_S = 3_900.0
"""How long a hold is good: longer than any call may take without renewing it."""

_WINDOWS_KEPT = 2
"""Windows of a budget that are remembered: a clock that steps back finds the one before."""

_MAX_REMEMBERED = 4_096
"""Sets of budgets whose running windows are remembered at once."""

_NEVER_S = 365 * 86_400.0
"""What to wait for a budget that never starts anew."""


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A budget has passed its warning, or its limit."""

    budget: Budget
    percent: int
    spent_nano_usd: int


class _Running(NamedTuple):
    """The windows of some budgets that run today, and what these have seen."""

    windows: tuple[WindowRef, ...]
    limits: tuple[int | None, ...]
    """None for a soft one."""
    sums: tuple[WindowSums, ...]
    hard: tuple[tuple[Budget, WindowSums], ...]
    """Those that can refuse a call."""


class Reserve:
    """Credits and budgets of all keys. Used from the event loop only."""

    def __init__(self) -> None:
        self.budgets = BudgetBook()
        self._credits: dict[str, Credits] = {}
        self._windows: dict[str, dict[int, WindowSums]] = {}
        """Budget id → start of a window → what it has seen."""
        self._today = 0.0
        """The day of ``_running``, counted from the epoch."""
        self._running: dict[tuple[Budget, ...], _Running] = {}
        """Forgotten when the day changes or a window begins."""
        self.faulty_keys: set[str] = set()
        """Keys whose books in memory and on disk did not agree: they may spend nothing."""

    def load(
        self,
        balances: Mapping[str, NanoUsd],
        budgets: Iterable[Budget],
        windows: Mapping[WindowRef, WindowSums],
    ) -> None:
        """Take over what the database knows, at start."""
        self._credits = {
            key_id: Credits(credit_account(key_id), posted) for key_id, posted in balances.items()
        }
        self.budgets = BudgetBook(budgets)
        self._running.clear()
        for window, sums in windows.items():
            self._windows.setdefault(window.budget_id, {})[window.starts_at_s] = sums

    def credits(self, key_id: str) -> Credits:
        """Return what a key has and holds."""
        return self._credits.get(key_id) or Credits(credit_account(key_id))

    def grant(self, key_id: str, amount: int) -> None:
        """Add credits that have been written down."""
        self._mine(key_id).posted += amount

    def sums(self, budget: Budget, at_s: float) -> WindowSums:
        """Return what the window of a budget around a moment has seen."""
        return self._sums(window_at(budget, at_s))

    def forgive(self, window: WindowRef, amount: int) -> None:
        """Let what was spent in a window not count, as has been written down."""
        self._sums(window).forgiven_nano_usd = amount

    def hold(self, call: Call, budgets: tuple[Budget, ...], amount: int) -> Hold:
        """Set an amount aside for a call; the first that does not have it is named.

        Args:
            call: The call.
            budgets: What ``BudgetBook.matching`` returned for it.
            amount: Upper bound of its cost in nano-dollars; 0 when nothing limits it.

        Raises:
            InsufficientCredits: the key's credits do not suffice. LimitReached: a hard budget.
        """
        key, now_s = call.caller.key, clock.wall_s()
        key_id = key.id
        if key_id in self.faulty_keys:
            raise _books_disagree()
        mine: Credits | None = None
        if key.key_type is KeyType.MANAGED:
            mine = self._credits.get(key_id) or self._mine(key_id)
            _check_credits(mine, amount)
        if now_s // DAY_S != self._today:
            self._running.clear()
            self._today = now_s // DAY_S
        running = self._running.get(budgets) or self._find(budgets, now_s)
        for budget, seen in running.hard:
            _check_budget(budget, seen, amount, now_s)
        if mine is not None:
            mine.held += amount
        for seen in running.sums:
            seen.held_nano_usd += amount
        return Hold(
            request_id=call.id,
            key_id=key_id,
            account=spend_account(key_id) if mine is None else mine.account,
            amount_nano_usd=amount,
            windows=running.windows,
            limits=running.limits,
            created_at_s=now_s,
            expires_at_s=now_s + HOLD_S,
            credits=mine,
            sums=running.sums,
        )

    def check_credits(self, key: KeyRecord, amount: int) -> None:
        """Raise as ``hold`` for credits that do not suffice, and set nothing aside."""
        if key.id in self.faulty_keys:
            raise _books_disagree()
        if key.key_type is KeyType.MANAGED:
            _check_credits(self.credits(key.id), amount)

    def check_budgets(self, budgets: Iterable[Budget], amount: int) -> None:
        """Raise as ``hold`` for the first hard budget, and set nothing aside."""
        now_s = clock.wall_s()
        for budget in budgets:
            if budget.is_hard:
                _check_budget(budget, self.seen(budget, now_s), amount, now_s)

    def seen(self, budget: Budget, at_s: float) -> WindowSums:
        """Return what a window has seen; it is not begun, so what is returned may be nobody's."""
        window = window_at(budget, at_s)
        return self._windows.get(budget.id, {}).get(window.starts_at_s) or WindowSums()

    def _mine(self, key_id: str) -> Credits:
        mine = self._credits.get(key_id)
        if mine is None:
            mine = self._credits[key_id] = Credits(credit_account(key_id))
        return mine

    def owe(self, hold: Hold, cost: int) -> None:
        """Hold what a call costs beyond its hold, before its settlement is written.

        So nobody is promised money that the database, which may be ahead of us, no longer has.
        """
        if cost > hold.amount_nano_usd:
            self._add_held(hold, cost - hold.amount_nano_usd)

    def settle(self, hold: Hold, cost: int) -> list[BudgetAlert]:
        """Take the cost of a call, whose settlement is durable, and give back its hold."""
        held = max(hold.amount_nano_usd, cost)  # see ``owe``
        mine = hold.credits
        if mine is not None:
            mine.held -= held
            mine.posted -= cost
        alerts = []
        for window, sums in zip(hold.windows, hold.sums, strict=True):
            sums.held_nano_usd -= held
            spent = sums.spent_nano_usd = sums.spent_nano_usd + cost
            budget = self.budgets.get(window.budget_id)
            if budget is None:
                continue
            after = spent - sums.forgiven_nano_usd
            if after * 100 >= budget.limit_nano_usd * budget.warn_percent and (
                alert := _alert(budget, after - cost, after)
            ):
                alerts.append(alert)
        return alerts

    def release(self, hold: Hold) -> None:
        """Give back all of a hold: its call cost nothing, and nothing was written."""
        self._add_held(hold, -hold.amount_nano_usd)

    def _add_held(self, hold: Hold, amount: int) -> None:
        if hold.credits is not None:
            hold.credits.held += amount
        for sums in hold.sums:
            sums.held_nano_usd += amount

    def _find(self, budgets: tuple[Budget, ...], now_s: float) -> _Running:
        """Find what runs of budgets, and remember it for the other calls of the day."""
        windows = tuple(window_at(budget, now_s) for budget in budgets)
        seen = [
            (budget, self._sums(window)) for budget, window in zip(budgets, windows, strict=True)
        ]
        if len(self._running) >= _MAX_REMEMBERED:
            self._running.clear()
        running = self._running[budgets] = _Running(
            windows,
            tuple(budget.limit_nano_usd if budget.is_hard else None for budget in budgets),
            tuple(sums for _, sums in seen),
            tuple((budget, sums) for budget, sums in seen if budget.is_hard),
        )
        return running

    def _sums(self, window: WindowRef) -> WindowSums:
        windows = self._windows.setdefault(window.budget_id, {})
        sums = windows.get(window.starts_at_s)
        if sums is None:
            self._running.clear()
            sums = windows[window.starts_at_s] = WindowSums()
            for start in sorted(windows)[:-_WINDOWS_KEPT]:
                if not windows[start].held_nano_usd and start != window.starts_at_s:
                    del windows[start]
        return sums


def _check_credits(mine: Credits, amount: int) -> None:
    if mine.posted <= 0 or mine.posted - mine.held < amount:
        raise _no_credits(mine, amount)


def _check_budget(budget: Budget, seen: WindowSums, amount: int, now_s: float) -> None:
    left = budget.limit_nano_usd - seen.spent_nano_usd + seen.forgiven_nano_usd
    if left <= 0 or left - seen.held_nano_usd < amount:
        raise _over_budget(budget, seen, amount, now_s)


def money(**amounts: int) -> dict[str, object]:
    """Return members of an error that are amounts, each with its exact twin."""
    found: dict[str, object] = {}
    for name, amount in amounts.items():
        found |= {name: Usd(amount), f"{name}_nano_usd": amount}
    return found


def resets_at_s(window: BudgetWindow, now_s: float) -> int | None:
    """Return when a window that runs now ends."""
    return bounds(window, now_s)[1]


def _books_disagree() -> InsufficientCredits:
    msg = (
        "The books of this key do not agree, so it may spend nothing. "
        "Ask the operator: 'prismctl ledger verify' names what is wrong."
    )
    return InsufficientCredits(msg, code="ledger_mismatch")


def _no_credits(mine: Credits, amount: int) -> InsufficientCredits:
    msg = (
        f"This call may cost up to ${format_usd(amount)}, but the credits of this key are "
        f"${format_usd(mine.posted)}, of which ${format_usd(mine.held)} are held by running calls. "
        "Ask for fewer tokens (max_tokens), or have credits added."
    )
    details = money(needed=amount, balance=mine.posted, held=mine.held)
    return InsufficientCredits(msg, details=details, headers={"x-should-retry": "false"})


def _over_budget(budget: Budget, sums: WindowSums, amount: int, now_s: float) -> LimitReached:
    resets_s = resets_at_s(budget.window, now_s)
    when = f"It starts anew at {clock.iso(resets_s)}." if resets_s else "It does not start anew."
    msg = (
        f"The {budget.window} budget of {budget.scope} '{budget.subject}' is "
        f"${format_usd(budget.limit_nano_usd)}: ${format_usd(sums.counted_nano_usd)} are spent, "
        f"${format_usd(sums.held_nano_usd)} are held by running calls, and this call may cost "
        f"up to ${format_usd(amount)}. {when}"
    )
    return LimitReached(
        msg,
        code="budget_exceeded",
        param="budgets",
        retry_after_s=resets_s - now_s if resets_s else _NEVER_S,
        headers={"x-should-retry": "false"},
        details={
            "budget": budget.id,
            "scope": budget.scope,
            "subject": budget.subject,
            "window": budget.window,
            **money(
                limit=budget.limit_nano_usd,
                spent=sums.counted_nano_usd,
                held=sums.held_nano_usd,
                needed=amount,
            ),
            "resets_at": clock.iso(resets_s) if resets_s else None,
        },
    )


def _alert(budget: Budget, before: int, after: int) -> BudgetAlert | None:
    """Return the highest mark that has been passed just now."""
    for percent in (100, budget.warn_percent):
        mark = budget.limit_nano_usd * percent
        if before * 100 < mark <= after * 100:
            return BudgetAlert(budget, percent, after)
    return None
