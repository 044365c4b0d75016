"""What can be told of the books with a few cheap reads; ``verify`` looks at every row."""

from typing import NamedTuple

from prismd.store.db import Database

# The newest by number of each kind that is written with a time of its own.
_NEWEST = """
SELECT max(
    COALESCE((SELECT ts_ms FROM postings ORDER BY id DESC LIMIT 1), 0),
    COALESCE((SELECT ts_ms FROM audit ORDER BY seq DESC LIMIT 1), 0),
    COALESCE((SELECT max(ts_ms) FROM usage), 0)
) AS ts_ms
"""

_SUMS = """
SELECT
    COALESCE((SELECT SUM(posted_nano_usd) FROM accounts), 0) AS posted,
    COALESCE((SELECT SUM(held_nano_usd) FROM accounts), 0) AS held,
    COALESCE((SELECT SUM(amount_nano_usd) FROM holds), 0) AS in_holds
"""

_OVERDUE = """
SELECT request_id FROM holds WHERE expires_at_ms < :now_ms ORDER BY request_id LIMIT 100
"""


class Sums(NamedTuple):
    """What must agree: all accounts together are 0, and hold what the holds are."""

    posted: int
    held: int
    in_holds: int

    @property
    def agree(self) -> bool:
        """Say whether they do."""
        return self.posted == 0 and self.held == self.in_holds


async def newest_row_s(db: Database) -> float:
    """Return the time of the newest row, as epoch seconds; 0 where there is none."""
    row = await db.row(_NEWEST, {})
    return 0.0 if row is None else int(row["ts_ms"] or 0) / 1000


async def sums(db: Database) -> Sums:
    """Return the sums of accounts and holds, all of one moment."""
    row = await db.row(_SUMS, {}) or {}
    return Sums(*(int(row[name] or 0) for name in Sums._fields))


async def overdue_holds(db: Database, now_s: float) -> list[str]:
    """Return calls whose holds should have ended by now, the first hundred."""
    rows = await db.rows(_OVERDUE, {"now_ms": int(now_s * 1000)})
    return [str(row["request_id"]) for row in rows]
