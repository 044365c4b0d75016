"""What the ledger shows: accounts, postings and open holds, page by page."""

import msgspec

from prismd.store.db import Database, Params

_ACCOUNTS = """
SELECT * FROM accounts
WHERE id > :after AND (:kind IS NULL OR kind = :kind) AND (:key_id IS NULL OR key_id = :key_id)
ORDER BY id LIMIT :limit
"""

_POSTINGS = """
SELECT * FROM postings
WHERE id < :before AND ts_ms >= :since_ms
    AND (:kind IS NULL OR kind = :kind)
    AND (:request_id IS NULL OR request_id = :request_id)
ORDER BY id DESC LIMIT :limit
"""

# One look at the index of each side; with OR, all postings would be read.
_POSTINGS_OF = """
SELECT * FROM (
    SELECT * FROM (
        SELECT * FROM postings
        WHERE from_account = :account AND id < :before AND ts_ms >= :since_ms
            AND (:kind IS NULL OR kind = :kind)
            AND (:request_id IS NULL OR request_id = :request_id)
        ORDER BY id DESC LIMIT :limit
    )
    UNION ALL
    SELECT * FROM (
        SELECT * FROM postings
        WHERE to_account = :account AND id < :before AND ts_ms >= :since_ms
            AND (:kind IS NULL OR kind = :kind)
            AND (:request_id IS NULL OR request_id = :request_id)
        ORDER BY id DESC LIMIT :limit
    )
)
ORDER BY id DESC LIMIT :limit
"""

_GRANTS = """
SELECT * FROM postings
WHERE to_account = :account AND to_account <> 'system:usage' AND id < :before
ORDER BY id DESC LIMIT :limit
"""

_HOLDS = """
SELECT request_id, account, key_id, amount_nano_usd, created_at_ms, expires_at_ms
FROM holds JOIN accounts ON accounts.id = holds.account
WHERE request_id > :after ORDER BY request_id LIMIT :limit
"""

_AFTER_ALL = 2**63 - 1


class AccountRow(msgspec.Struct, frozen=True):
    """One account with its balance."""

    id: str
    kind: str
    key_id: str | None
    posted_nano_usd: int
    held_nano_usd: int
    overrun_nano_usd: int


class PostingRow(msgspec.Struct, frozen=True):
    """One transfer from an account to another."""

    id: int
    ts_ms: int
    kind: str
    from_account: str
    to_account: str
    amount_nano_usd: int
    request_id: str | None
    note: str | None


class HoldRow(msgspec.Struct, frozen=True):
    """What one running call may still cost."""

    request_id: str
    account: str
    key_id: str
    amount_nano_usd: int
    created_at_ms: int
    expires_at_ms: int


async def accounts(
    db: Database,
    *,
    limit: int,
    after: str | None = None,
    kind: str | None = None,
    key_id: str | None = None,
) -> list[AccountRow]:
    """Return accounts in the order of their ids, beginning after one."""
    params: Params = {"limit": limit, "after": after or "", "kind": kind, "key_id": key_id}
    return [msgspec.convert(row, AccountRow) for row in await db.rows(_ACCOUNTS, params)]


async def postings(
    db: Database,
    *,
    limit: int,
    before: int | None = None,
    since_s: float = 0,
    account: str | None = None,
    kind: str | None = None,
    request_id: str | None = None,
) -> list[PostingRow]:
    """Return postings, newest first, beginning before one."""
    params: Params = {
        "limit": limit,
        "before": _AFTER_ALL if before is None else before,
        "since_ms": int(since_s * 1000),
        "kind": kind,
        "request_id": request_id,
    }
    if account is None:
        rows = await db.rows(_POSTINGS, params)
    else:
        rows = await db.rows(_POSTINGS_OF, {**params, "account": account})
    return [msgspec.convert(row, PostingRow) for row in rows]


async def grants(
    db: Database, account: str, *, limit: int, before: int | None = None
) -> list[PostingRow]:
    """Return what was paid into a credit account, newest first, beginning before one."""
    params: Params = {
        "account": account,
        "limit": limit,
        "before": _AFTER_ALL if before is None else before,
    }
    return [msgspec.convert(row, PostingRow) for row in await db.rows(_GRANTS, params)]


async def holds(db: Database, *, limit: int, after: str | None = None) -> list[HoldRow]:
    """Return open holds, oldest first, beginning after one."""
    rows = await db.rows(_HOLDS, {"limit": limit, "after": after or ""})
    return [msgspec.convert(row, HoldRow) for row in rows]
