"""The ``budgets`` table, and ``budget_windows``: what each window has seen of spending.

A window's row is made by the first call in it. It stays when the budget is deleted, because usage
rows name the windows that they were charged to.
"""

from collections.abc import Collection, Sequence

import msgspec

from prismd.store.db import Database, Tx, Values
from prismd.wire.budget import Budget, WindowRef, WindowSums
from prismd.wire.ledger import Hold

_PUT = """
INSERT INTO budgets (
    id, scope, subject, window, limit_nano_usd, is_hard, warn_percent, created_at_s, updated_at_s
) VALUES (
    :id, :scope, :subject, :window, :limit_nano_usd, :is_hard, :warn_percent, :created_at_s,
    :updated_at_s
)
ON CONFLICT (id) DO UPDATE SET
    limit_nano_usd = :limit_nano_usd, is_hard = :is_hard, warn_percent = :warn_percent,
    updated_at_s = :updated_at_s
"""

_BEGIN = """
INSERT INTO budget_windows (budget_id, starts_at_s) VALUES (:budget_id, :starts_at_s)
ON CONFLICT DO NOTHING
"""

# What the owner in memory decided, under the limit that it saw, is decided again.
_HOLD = """
UPDATE budget_windows SET held_nano_usd = held_nano_usd + :amount
WHERE budget_id = :budget_id AND starts_at_s = :starts_at_s
    AND (:limit IS NULL
        OR spent_nano_usd - forgiven_nano_usd + held_nano_usd + :amount <= :limit)
"""

_CLOSE = """
UPDATE budget_windows SET
    held_nano_usd = held_nano_usd - :held, spent_nano_usd = spent_nano_usd + :spent
WHERE budget_id = :budget_id AND starts_at_s = :starts_at_s
"""

_BEGIN_MANY = """
INSERT INTO budget_windows (budget_id, starts_at_s) VALUES (?, ?) ON CONFLICT DO NOTHING
"""

# Several calls at once. The holds must fit in beside each other before anything is given back.
_MOVE = """
UPDATE budget_windows SET
    held_nano_usd = held_nano_usd + ?, spent_nano_usd = spent_nano_usd + ?
WHERE budget_id = ? AND starts_at_s = ?
    AND (? IS NULL OR spent_nano_usd - forgiven_nano_usd + held_nano_usd + ? <= ?)
"""

_LOAD_WINDOWS = """
SELECT budget_windows.* FROM budget_windows JOIN budgets ON budgets.id = budget_id
WHERE starts_at_s >= :since_s OR starts_at_s = 0
"""


class _StoredWindow(msgspec.Struct):
    budget_id: str
    starts_at_s: int
    spent_nano_usd: int
    held_nano_usd: int
    forgiven_nano_usd: int


class WindowMove:
    """What several calls do to one window."""

    __slots__ = ("_held", "_limit", "_overrun", "_spent", "_taken", "window")

    def __init__(self, window: WindowRef) -> None:
        self.window = window
        self._limit: int | None = None
        self._taken = self._held = self._spent = self._overrun = 0

    def take(self, amount: int, limit: int | None) -> None:
        """Hold an amount, under a limit unless the budget is a soft one."""
        self._taken += amount
        self._held += amount
        if limit is not None:
            self._limit = limit if self._limit is None else min(limit, self._limit)

    def close(self, held: int, spent: int) -> None:
        """Give back what was held, and count what was spent."""
        self._held -= held
        self._spent += spent
        self._overrun += max(0, spent - held)

    @property
    def values(self) -> Values:
        """Return the parameters of the statement that does it."""
        needed = self._taken + self._overrun
        return (self._held, self._spent, *self.window, self._limit, needed, self._limit)


def put(tx: Tx, budget: Budget) -> None:
    """Add a budget, or change its limit, hardness and warning."""
    tx.execute(
        _PUT,
        {
            "id": budget.id,
            "scope": budget.scope.value,
            "subject": budget.subject,
            "window": budget.window.value,
            "limit_nano_usd": budget.limit_nano_usd,
            "is_hard": budget.is_hard,
            "warn_percent": budget.warn_percent,
            "created_at_s": budget.created_at_s,
            "updated_at_s": budget.updated_at_s,
        },
    )


def delete(tx: Tx, budget_id: str) -> None:
    """Delete a budget; what its windows have seen stays."""
    tx.execute("DELETE FROM budgets WHERE id = :id", {"id": budget_id})


def forgive(tx: Tx, window: WindowRef) -> int:
    """Let a window begin anew; return the nano-dollars spent so far, which count no more."""
    tx.execute(_BEGIN, window._asdict())
    tx.execute(
        "UPDATE budget_windows SET forgiven_nano_usd = spent_nano_usd"
        " WHERE budget_id = :budget_id AND starts_at_s = :starts_at_s",
        window._asdict(),
    )
    row = tx.row(
        "SELECT forgiven_nano_usd FROM budget_windows"
        " WHERE budget_id = :budget_id AND starts_at_s = :starts_at_s",
        window._asdict(),
    )
    assert row is not None  # noqa: S101  # it has just been made
    return int(row["forgiven_nano_usd"] or 0)


def hold_windows(tx: Tx, held: Hold) -> str | None:
    """Hold an amount in every window; return the first budget that does not have it."""
    for window, limit in zip(held.windows, held.limits, strict=True):
        params = {**window._asdict(), "amount": held.amount_nano_usd, "limit": limit}
        tx.execute(_BEGIN, window._asdict())
        if tx.execute(_HOLD, params) != 1:
            return window.budget_id
    return None


def close_windows(tx: Tx, windows: Sequence[WindowRef], *, held: int, spent: int) -> None:
    """Give back what was held in every window, and count what was spent."""
    for window in windows:
        tx.execute(_BEGIN, window._asdict())
        tx.execute(_CLOSE, {**window._asdict(), "held": held, "spent": spent})


def move_windows(tx: Tx, moves: Collection[WindowMove]) -> bool:
    """Do what calls do to windows; False if one would be held above a limit."""
    tx.execute_many(_BEGIN_MANY, [move.window for move in moves])
    return tx.execute_many(_MOVE, [move.values for move in moves]) == len(moves)


async def load(db: Database) -> list[Budget]:
    """Return every budget; done once, at start."""
    rows = await db.rows("SELECT * FROM budgets ORDER BY id", {})
    return [msgspec.convert(row, Budget, strict=False) for row in rows]


async def load_windows(db: Database, *, since_s: int) -> dict[WindowRef, WindowSums]:
    """Return what the windows that began since then have seen; done once, at start."""
    rows = await db.rows(_LOAD_WINDOWS, {"since_s": since_s})
    found = [msgspec.convert(row, _StoredWindow) for row in rows]
    return {
        WindowRef(window.budget_id, window.starts_at_s): WindowSums(
            window.spent_nano_usd, window.held_nano_usd, window.forgiven_nano_usd
        )
        for window in found
    }
