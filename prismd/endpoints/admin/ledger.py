"""``/-/ledger``: accounts, what was booked and is held, and whether all of it agrees."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel

from prismd.endpoints import deps
from prismd.endpoints.admin.jobs import NOT_SOUND, job
from prismd.endpoints.queries import moment, number
from prismd.endpoints.replies import ListOf, Usd, json_reply, page, time_text, usd
from prismd.store import statements
from prismd.store.statements import AccountRow, HoldRow, PostingRow
from prismd.store.verify import verify

room = APIRouter(prefix="/-/ledger", tags=["ledger"], dependencies=[Depends(deps.admin)])

AccountKind = Literal["credit", "spend", "system"]
PostingKind = Literal["grant", "charge", "opening"]
PageSize = Annotated[int, Query(ge=1, le=500)]


class AccountObject(BaseModel):
    """An account. Together they are always 0."""

    id: str
    object: Literal["account"]
    kind: AccountKind
    key_id: str | None
    posted: Usd
    """The sum of its postings: for credits the balance."""
    posted_nano_usd: int
    held: Usd
    """What running calls may still take of it."""
    held_nano_usd: int
    overrun: Usd
    """What calls cost beyond what was held for them, all together."""
    overrun_nano_usd: int


class PostingObject(BaseModel):
    """A transfer from an account to another; it is never changed."""

    id: str
    object: Literal["posting"]
    created_at: AwareDatetime
    kind: PostingKind
    from_account: str
    to_account: str
    amount: Usd
    amount_nano_usd: int
    request_id: str | None
    note: str | None


class HoldObject(BaseModel):
    """What one running call may still cost."""

    id: str
    """The id of the call."""
    object: Literal["hold"]
    key_id: str
    account: str
    amount: Usd
    amount_nano_usd: int
    created_at: AwareDatetime
    expires_at: AwareDatetime


class AccountList(ListOf):
    """A page of accounts."""

    data: list[AccountObject]


class PostingList(ListOf):
    """A page of postings, newest first."""

    data: list[PostingObject]


class HoldList(ListOf):
    """A page of holds, oldest first."""

    data: list[HoldObject]


class FaultObject(BaseModel):
    """One row that is wrong."""

    table: str
    id: str
    reason: str


class Verification(BaseModel):
    """What a check of the whole ledger found."""

    object: Literal["verification"]
    is_sound: bool
    checked: dict[str, int]
    """Rows that were looked at, by table."""
    unchecked: int
    """Rows from before there were checksums."""
    faults: list[FaultObject]
    """At most 20; the first is the one to begin with."""
    took_ms: float


@room.get("/accounts", response_model=AccountList)
async def list_accounts(
    gateway: deps.TheGateway,
    *,
    limit: PageSize = 100,
    after: str | None = None,
    kind: AccountKind | None = None,
    key: str | None = None,
) -> Response:
    """List accounts with their balances."""
    rows = await statements.accounts(
        gateway.stores.state, limit=limit + 1, after=after, kind=kind, key_id=key
    )
    views = [_account(row) for row in rows[:limit]]
    return json_reply(page(views, has_more=len(rows) > limit))


@room.get("/postings", response_model=PostingList)
async def list_postings(
    gateway: deps.TheGateway,
    *,
    limit: PageSize = 100,
    after: Annotated[str | None, Query(description="an id; older ones follow")] = None,
    since: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d")] = None,
    account: str | None = None,
    kind: PostingKind | None = None,
    request_id: str | None = None,
) -> Response:
    """List what was booked, newest first."""
    rows = await statements.postings(
        gateway.stores.state,
        limit=limit + 1,
        before=None if after is None else number("after", after),
        since_s=0 if since is None else moment("since", since),
        account=account,
        kind=kind,
        request_id=request_id,
    )
    views = [_posting(row) for row in rows[:limit]]
    return json_reply(page(views, has_more=len(rows) > limit))


@room.get("/holds", response_model=HoldList)
async def list_holds(
    gateway: deps.TheGateway, *, limit: PageSize = 100, after: str | None = None
) -> Response:
    """List what running calls may still cost."""
    rows = await statements.holds(gateway.stores.state, limit=limit + 1, after=after)
    views = [_hold(row) for row in rows[:limit]]
    return json_reply(page(views, has_more=len(rows) > limit))


@room.post("/verify", response_model=Verification)
async def verify_ledger(gateway: deps.TheGateway) -> Response:
    """Recompute the whole ledger while calls go on, and name the first row that is wrong."""
    with job(gateway.bus, "ledger_verify") as running:
        report = await asyncio.to_thread(verify, gateway.data_dir.state_db, gateway.audit)
        running.error = None if report.is_sound else NOT_SOUND
    return json_reply(
        {
            "object": "verification",
            "is_sound": report.is_sound,
            "checked": report.checked,
            "unchecked": report.unchecked,
            "faults": report.faults,
            "took_ms": report.took_ms,
        }
    )


def _account(row: AccountRow) -> dict[str, object]:
    return {
        "id": row.id,
        "object": "account",
        "kind": row.kind,
        "key_id": row.key_id,
        **usd("posted", row.posted_nano_usd),
        **usd("held", row.held_nano_usd),
        **usd("overrun", row.overrun_nano_usd),
    }


def _posting(row: PostingRow) -> dict[str, object]:
    return {
        "id": str(row.id),
        "object": "posting",
        "created_at": time_text(row.ts_ms / 1000),
        "kind": row.kind,
        "from_account": row.from_account,
        "to_account": row.to_account,
        **usd("amount", row.amount_nano_usd),
        "request_id": row.request_id,
        "note": row.note,
    }


def _hold(row: HoldRow) -> dict[str, object]:
    return {
        "id": row.request_id,
        "object": "hold",
        "key_id": row.key_id,
        "account": row.account,
        **usd("amount", row.amount_nano_usd),
        "created_at": time_text(row.created_at_ms / 1000),
        "expires_at": time_text(row.expires_at_ms / 1000),
    }
