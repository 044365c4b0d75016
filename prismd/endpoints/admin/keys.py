"""``/-/keys``: make, look at, change and revoke virtual keys.

Every change is durable before it is in force, and in force before the answer leaves.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from prismd.endpoints import deps
from prismd.endpoints.admin.key_audit import differences
from prismd.endpoints.admin.key_types import (
    CreditHistory,
    CreditsAdd,
    CreditsReply,
    KeyCreate,
    KeyList,
    KeyObject,
    KeyUpdate,
    NewKeyObject,
    credit_view,
    view,
)
from prismd.endpoints.queries import number
from prismd.endpoints.replies import json_reply, page, usd
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from prismd.kernel.ids import new_id
from prismd.kernel.money import NanoUsd
from prismd.kernel.secret import KEY_PREFIX, digest, display, new_token
from prismd.store import budgets as budget_table
from prismd.store import keys as key_table
from prismd.store import ledger, statements
from prismd.store.db import Tx
from prismd.wire.audit import Actor, Change
from prismd.wire.budget import Budget, BudgetScope
from prismd.wire.key import KeyChanges, KeyRecord, KeyStatus, KeyType
from prismd.wire.ledger import credit_account

room = APIRouter(prefix="/-/keys", tags=["keys"], dependencies=[Depends(deps.admin)])

IfMatch = Annotated[str | None, Header(alias="If-Match")]


@room.post("", response_model=NewKeyObject, status_code=201)
async def create_key(body: KeyCreate, gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Make a key. Its secret is in this answer and nowhere else."""
    secret, now_s = new_token(KEY_PREFIX), clock.now_s()
    changes = body.changes()
    if body.credits is not None:
        changes.setdefault("key_type", KeyType.MANAGED)
        if changes.get("key_type") is not KeyType.MANAGED:
            msg = "Only a managed key has credits. Leave key_type out, or set it to 'managed'."
            raise InvalidRequest(msg, code="not_managed", param="credits")
    record = replace(
        KeyRecord(
            id=new_id("key"),
            digest=digest(secret.reveal(), gateway.pepper),
            prefix=display(secret),
            name=body.name,
            metadata={},
            created_at_s=now_s,
            updated_at_s=now_s,
        ),
        **changes,
    )
    granted, budgets = body.credits or NanoUsd(0), body.new_budgets(record.id, []) or []
    told = differences(None, record)
    if granted:
        told["credits_nano_usd"] = (None, granted)
    if budgets:
        told["budgets"] = (None, [_told(budget) for budget in budgets])
    change = Change("key.created", record.id, told)

    def write(tx: Tx) -> None:
        key_table.insert(tx, record)
        ledger.open_accounts(tx, record.id)
        if granted:
            ledger.grant(tx, record.id, granted, at_s=now_s, request_id=actor.request_id)
        for budget in budgets:
            budget_table.put(tx, budget)
        gateway.audit.append(tx, actor, change, at_s=now_s)

    await gateway.stores.state.write(write)
    gateway.reserve.grant(record.id, granted)
    for budget in budgets:
        gateway.reserve.budgets.put(budget)
    _in_force(gateway, record, "created")
    return _show(gateway, record, status=201, key=secret.reveal())


@room.get("", response_model=KeyList)
async def list_keys(
    gateway: deps.TheGateway,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: str | None = None,
    status: KeyStatus | None = None,
    owner: str | None = None,
    name: str | None = None,
) -> Response:
    """List keys, oldest first."""
    records = await key_table.page(
        gateway.stores.state, limit=limit + 1, after=after, status=status, owner=owner, name=name
    )
    views = [_view(gateway, record) for record in records[:limit]]
    return json_reply(page(views, has_more=len(records) > limit))


@room.get("/{key_id}", response_model=KeyObject)
async def get_key(key_id: str, gateway: deps.TheGateway) -> Response:
    """Look at one key; the ETag is what ``If-Match`` of a change wants."""
    return _show(gateway, _find(gateway, key_id))


@room.put("/{key_id}", response_model=KeyObject)
async def update_key(
    key_id: str,
    body: KeyUpdate,
    gateway: deps.TheGateway,
    actor: deps.TheActor,
    if_match: IfMatch = None,
) -> Response:
    """Change the given fields; null clears, [] permits nothing."""
    async with gateway.changing_keys:
        record = _find(gateway, key_id)
        _check_version(record, if_match)
        _check_not_revoked(record)
        before = gateway.reserve.budgets.of(BudgetScope.KEY, key_id)
        budgets, changes = body.new_budgets(key_id, before), body.changes()
        if changes or budgets is not None:
            record = await _change(gateway, actor, record, "updated", changes, budgets=budgets)
    return _show(gateway, record)


@room.delete("/{key_id}", response_model=KeyObject)
async def revoke_key(
    key_id: str, gateway: deps.TheGateway, actor: deps.TheActor, if_match: IfMatch = None
) -> Response:
    """Revoke a key: it is refused from now on. Repeating it changes nothing."""
    async with gateway.changing_keys:
        record = _find(gateway, key_id)
        if record.status is not KeyStatus.REVOKED:
            _check_version(record, if_match)
            record = await _change(gateway, actor, record, "revoked", {"status": KeyStatus.REVOKED})
    return _show(gateway, record)


@room.post("/{key_id}/credits", response_model=CreditsReply)
async def add_credits(
    key_id: str, body: CreditsAdd, gateway: deps.TheGateway, actor: deps.TheActor
) -> Response:
    """Add prepaid credits to a managed key."""
    async with gateway.changing_keys:
        record = _find(gateway, key_id)
        _check_not_revoked(record)
        if record.key_type is not KeyType.MANAGED:
            msg = "Only a managed key has credits. Set its key_type to 'managed' first."
            raise InvalidRequest(msg, code="not_managed", param="key_type")
        now_s = clock.now_s()

        def write(tx: Tx) -> NanoUsd:
            after = ledger.grant(
                tx,
                key_id,
                body.amount,
                at_s=now_s,
                request_id=actor.request_id,
                note=body.note,
            )
            told = {"credit_balance_nano_usd": (after - body.amount, after)}
            gateway.audit.append(tx, actor, Change("key.credited", key_id, told), at_s=now_s)
            return after

        balance = await gateway.stores.state.write(write)
        gateway.reserve.grant(key_id, body.amount)
    _in_force(gateway, record, "credited")
    return json_reply(
        {"key_id": key_id, **usd("added", body.amount), **usd("credit_balance", balance)}
    )


@room.get("/{key_id}/credits", response_model=CreditHistory)
async def list_credits(
    key_id: str,
    gateway: deps.TheGateway,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str | None, Query(description="an id; older ones follow")] = None,
) -> Response:
    """List the credits that a key was given, newest first."""
    _find(gateway, key_id)
    rows = await statements.grants(
        gateway.stores.state,
        credit_account(key_id),
        limit=limit + 1,
        before=None if after is None else number("after", after),
    )
    views = [credit_view(row) for row in rows[:limit]]
    return json_reply(page(views, has_more=len(rows) > limit))


def _find(gateway: Gateway, key_id: str) -> KeyRecord:
    record = gateway.keys.get(key_id)
    if record is None:
        raise NotFound(f"There is no key '{key_id}'.", code="key_not_found", param="key_id")
    return record


def _check_version(record: KeyRecord, if_match: str | None) -> None:
    if if_match is None or if_match == "*" or if_match.strip('"') == str(record.version):
        return
    msg = (
        f"The key has changed since you read it: it is at version {record.version}. "
        "Read it again, and repeat your change on what you see."
    )
    raise PreconditionFailed(msg, param="If-Match")


def _check_not_revoked(record: KeyRecord) -> None:
    if record.status is KeyStatus.REVOKED:
        msg = "This key is revoked, which is for ever. Make a new one."
        raise Conflict(msg, code="key_revoked")


async def _change(
    gateway: Gateway,
    actor: Actor,
    record: KeyRecord,
    action: str,
    changes: KeyChanges,
    *,
    budgets: list[Budget] | None = None,
) -> KeyRecord:
    """Change a key, and its budgets if they are given: those that are left out are deleted."""
    changed = replace(record, **changes)
    changed = replace(changed, version=record.version + 1, updated_at_s=clock.now_s())
    before = gateway.reserve.budgets.of(BudgetScope.KEY, record.id)
    told = differences(record, changed)
    gone: list[Budget] = []
    if budgets is not None:
        kept = {budget.id for budget in budgets}
        gone = [budget for budget in before if budget.id not in kept]
        told["budgets"] = (
            [_told(budget) for budget in before],
            [_told(budget) for budget in budgets],
        )
    change = Change(f"key.{action}", record.id, told)

    def write(tx: Tx) -> None:
        key_table.update(tx, changed)
        for budget in gone:
            budget_table.delete(tx, budget.id)
        for budget in budgets or ():
            budget_table.put(tx, budget)
        gateway.audit.append(tx, actor, change, at_s=changed.updated_at_s)

    await gateway.stores.state.write(write)
    for budget in gone:
        gateway.reserve.budgets.remove(budget.id)
    for budget in budgets or ():
        gateway.reserve.budgets.put(budget)
    _in_force(gateway, changed, _seen(action, record.status, changed.status))
    return changed


def _seen(action: str, before: KeyStatus, after: KeyStatus) -> str:
    """Return what the event feed calls a change: what it does to the key's status, if it does."""
    if before is after:
        return action
    return {KeyStatus.ACTIVE: "unblocked"}.get(after, after.value)


def _told(budget: Budget) -> dict[str, object]:
    """Return what the audit log says of a key's budget."""
    return {
        "window": budget.window,
        "limit_nano_usd": budget.limit_nano_usd,
        "hard": budget.is_hard,
        "warn_percent": budget.warn_percent,
    }


def _in_force(gateway: Gateway, record: KeyRecord, action: str) -> None:
    gateway.keys.put(record)
    gateway.bus.publish(
        "key",
        {"action": action, "key_id": record.id, "name": record.name, "status": record.status},
    )


def _view(gateway: Gateway, record: KeyRecord) -> dict[str, object]:
    used_s = gateway.last_used_s.get(record.id, record.last_used_at_s)
    return view(record, gateway.reserve, now_s=clock.wall_s(), last_used_at_s=used_s)


def _show(gateway: Gateway, record: KeyRecord, *, status: int = 200, **more: object) -> Response:
    content = _view(gateway, record) | more
    return json_reply(content, status=status, headers={"etag": f'"{record.version}"'})
