"""``GET /-/audit`` and ``POST /-/audit/verify``: who changed what, and whether the log is whole."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.endpoints import deps
from prismd.endpoints.admin.jobs import NOT_SOUND, job
from prismd.endpoints.queries import moment, number
from prismd.endpoints.replies import ListOf, json_reply, page
from prismd.kernel import clock, jsonio
from prismd.store import audit as audit_table
from prismd.store.audit import AuditRow

room = APIRouter(prefix="/-/audit", tags=["audit"], dependencies=[Depends(deps.admin)])


class AuditEntry(BaseModel):
    """One change."""

    id: str
    """Its number in the chain."""
    object: Literal["audit_entry"]
    created_at: AwareDatetime
    actor: str
    """``admin``; ``file`` or ``signal`` for a configuration that was put in force so."""
    ip: str | None
    request_id: str | None
    action: str
    object_id: str
    changes: dict[str, tuple[JsonValue, JsonValue]]
    """Field → [before, after]."""
    hash: str


class AuditList(ListOf):
    """A page of changes, newest first."""

    data: list[AuditEntry]


class AuditVerdict(BaseModel):
    """Whether every row fits its hash and the rows before it."""

    object: Literal["audit_verdict"]
    is_sound: bool
    entries: int
    """Sound rows, from the first on."""
    head: str
    """Hash of the last sound row. Note it elsewhere to see later that none was cut off."""
    first_broken: str | None
    reason: str | None
    has_noted_head: bool | None
    """Whether the hash given as ``noted_head`` is in the log; null when none was given."""


@room.get("", response_model=AuditList)
async def list_audit(
    gateway: deps.TheGateway,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str | None, Query(description="an id; older ones follow")] = None,
    since: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d")] = None,
    action: Annotated[str | None, Query(description="such as key.created")] = None,
    object_id: str | None = None,
) -> Response:
    """List changes, newest first."""
    rows = await audit_table.page(
        gateway.stores.state,
        limit=limit + 1,
        before=None if after is None else number("after", after),
        since_s=0 if since is None else moment("since", since),
        action=action,
        object_id=object_id,
    )
    return json_reply(page([_view(row) for row in rows[:limit]], has_more=len(rows) > limit))


@room.post("/verify", response_model=AuditVerdict)
async def verify_audit(
    gateway: deps.TheGateway,
    noted_head: Annotated[str | None, Query(description="a head told earlier")] = None,
) -> Response:
    """Recompute the whole chain."""
    with job(gateway.bus, "audit_verify") as running:
        verdict = await gateway.audit.verify(gateway.stores.state, noted_head=noted_head)
        broken = verdict.broken_seq
        running.error = (
            None if broken is None and verdict.has_noted_head is not False else NOT_SOUND
        )
    return json_reply(
        {
            "object": "audit_verdict",
            "is_sound": broken is None,
            "entries": verdict.entries,
            "head": verdict.head,
            "first_broken": None if broken is None else str(broken),
            "reason": verdict.reason,
            "has_noted_head": verdict.has_noted_head,
        }
    )


def _view(row: AuditRow) -> dict[str, object]:
    return {
        "id": str(row.seq),
        "object": "audit_entry",
        "created_at": clock.iso(row.ts_ms / 1000),
        "actor": row.actor,
        "ip": row.ip,
        "request_id": row.request_id,
        "action": row.action,
        "object_id": row.object_id,
        "changes": jsonio.decode(row.changes),
        "hash": row.hash.hex(),
    }
