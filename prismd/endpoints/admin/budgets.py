"""``/-/budgets``: how much may be spent in a window of time, by whom or on what."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from prismd.endpoints import deps
from prismd.endpoints.admin.amounts import Dollars
from prismd.endpoints.admin.budget_types import BudgetInput, BudgetObject, WarnPercent, budget_view
from prismd.endpoints.asgi import MAX_TAG_NAME_CHARS, MAX_TAG_VALUE_CHARS
from prismd.endpoints.replies import ListOf, json_reply, page
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Conflict, InvalidRequest, NotFound
from prismd.kernel.money import NanoUsd
from prismd.policy.budgets import window_at
from prismd.store import budgets as budget_table
from prismd.store.db import Tx
from prismd.wire.audit import Actor, Change
from prismd.wire.budget import Budget, BudgetScope

room = APIRouter(prefix="/-/budgets", tags=["budgets"], dependencies=[Depends(deps.admin)])

MAX_SUBJECT_CHARS = MAX_TAG_NAME_CHARS + len("=") + MAX_TAG_VALUE_CHARS
"""As long as the longest label that a call can have."""


class BudgetCreate(BudgetInput):
    """Body of ``POST /-/budgets``."""

    scope: BudgetScope
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_CHARS)]
    """Key id, owner, org id, model (a trailing ``*`` matches any ending) or ``name=value``."""


class BudgetUpdate(BaseModel):
    """Body of ``PUT /-/budgets/{budget_id}``: only the fields given are changed."""

    model_config = ConfigDict(extra="forbid")

    limit: Dollars = NanoUsd(0)
    hard: Annotated[bool, Field(strict=True)] = True
    warn_percent: WarnPercent = 1


class BudgetList(ListOf):
    """A page of budgets."""

    data: list[BudgetObject]


@room.get("", response_model=BudgetList)
async def list_budgets(
    gateway: deps.TheGateway,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: str | None = None,
    scope: BudgetScope | None = None,
    subject: str | None = None,
) -> Response:
    """List budgets with where they stand, oldest first."""
    found = [
        budget
        for budget in gateway.reserve.budgets.all()
        if budget.id > (after or "")
        and scope in (None, budget.scope)
        and subject in (None, budget.subject)
    ]
    views = [budget_view(budget, gateway.reserve) for budget in found[:limit]]
    return json_reply(page(views, has_more=len(found) > limit))


@room.post("", response_model=BudgetObject, status_code=201)
async def create_budget(
    body: BudgetCreate, gateway: deps.TheGateway, actor: deps.TheActor
) -> Response:
    """Make a budget; there is one for each scope, subject and window."""
    async with gateway.changing_keys:
        _check_subject(gateway, body.scope, body.subject)
        for known in gateway.reserve.budgets.of(body.scope, body.subject):
            if known.window is body.window:
                msg = (
                    f"There is a {body.window} budget of {body.scope} '{body.subject}' "
                    f"({known.id}). Change that one."
                )
                raise Conflict(msg, code="budget_exists", details={"budget": known.id})
        budget = body.budget(body.scope, body.subject)
        await _put(gateway, actor, "created", budget, before=None)
    return json_reply(budget_view(budget, gateway.reserve), status=201)


@room.get("/{budget_id}", response_model=BudgetObject)
async def get_budget(budget_id: str, gateway: deps.TheGateway) -> Response:
    """Look at one budget."""
    return json_reply(budget_view(_find(gateway, budget_id), gateway.reserve))


@room.put("/{budget_id}", response_model=BudgetObject)
async def update_budget(
    budget_id: str, body: BudgetUpdate, gateway: deps.TheGateway, actor: deps.TheActor
) -> Response:
    """Change the given fields; what was spent in the window goes on counting."""
    async with gateway.changing_keys:
        before = _find(gateway, budget_id)
        given = body.model_dump(include=body.model_fields_set)
        known = {
            "limit": before.limit_nano_usd,
            "hard": before.is_hard,
            "warn_percent": before.warn_percent,
        }
        changed = BudgetInput.model_construct(window=before.window, **(known | given))
        budget = changed.budget(before.scope, before.subject, before=before)
        if given:
            await _put(gateway, actor, "changed", budget, before=before)
    return json_reply(budget_view(budget, gateway.reserve))


@room.post("/{budget_id}/reset", response_model=BudgetObject)
async def reset_budget(budget_id: str, gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Let the current window begin anew: what was spent so far does not count any more."""
    async with gateway.changing_keys:
        budget = _find(gateway, budget_id)
        now_s = clock.wall_s()
        window = window_at(budget, now_s)
        spent = gateway.reserve.sums(budget, now_s).counted_nano_usd
        change = Change("budget.reset", budget_id, {"spent_nano_usd": (spent, 0)})

        def write(tx: Tx) -> int:
            gateway.audit.append(tx, actor, change, at_s=now_s)
            return budget_table.forgive(tx, window)

        gateway.reserve.forgive(window, await gateway.stores.state.write(write))
    _tell(gateway, "reset", budget)
    return json_reply(budget_view(budget, gateway.reserve))


@room.delete("/{budget_id}", response_model=BudgetObject)
async def delete_budget(budget_id: str, gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Delete a budget: it limits nothing from now on. Usage and its history stay."""
    async with gateway.changing_keys:
        budget = _find(gateway, budget_id)
        last = budget_view(budget, gateway.reserve)
        change = Change("budget.deleted", budget_id, _differences(budget, None))

        def write(tx: Tx) -> None:
            budget_table.delete(tx, budget_id)
            gateway.audit.append(tx, actor, change, at_s=clock.wall_s())

        await gateway.stores.state.write(write)
        gateway.reserve.budgets.remove(budget_id)
    _tell(gateway, "deleted", budget)
    return json_reply(last)


async def _put(
    gateway: Gateway,
    actor: Actor,
    action: Literal["created", "changed"],
    budget: Budget,
    *,
    before: Budget | None,
) -> None:
    change = Change(f"budget.{action}", budget.id, _differences(before, budget))

    def write(tx: Tx) -> None:
        budget_table.put(tx, budget)
        gateway.audit.append(tx, actor, change, at_s=budget.updated_at_s)

    await gateway.stores.state.write(write)
    gateway.reserve.budgets.put(budget)
    _tell(gateway, action, budget)


def _tell(gateway: Gateway, action: str, budget: Budget) -> None:
    gateway.bus.publish(
        "budget",
        {
            "action": action,
            "budget_id": budget.id,
            "scope": budget.scope,
            "subject": budget.subject,
            "window": budget.window,
        },
    )


def _differences(before: Budget | None, after: Budget | None) -> dict[str, tuple[object, object]]:
    names = ("scope", "subject", "window", "limit_nano_usd", "is_hard", "warn_percent")
    pairs = {name: (getattr(before, name, None), getattr(after, name, None)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _find(gateway: Gateway, budget_id: str) -> Budget:
    budget = gateway.reserve.budgets.get(budget_id)
    if budget is None:
        msg = f"There is no budget '{budget_id}'. GET /-/budgets lists them."
        raise NotFound(msg, code="budget_not_found", param="budget_id")
    return budget


def _check_subject(gateway: Gateway, scope: BudgetScope, subject: str) -> None:
    if scope is BudgetScope.KEY and gateway.keys.get(subject) is None:
        msg = f"There is no key '{subject}'. The subject of a key's budget is its id."
        raise NotFound(msg, code="key_not_found", param="subject")
    name, equals, value = subject.partition("=")
    if scope is BudgetScope.TAG and not (name and equals and value):
        msg = "'subject': the subject of a tag's budget is name=value, such as team=search."
        raise InvalidRequest(msg, code="invalid_value", param="subject")
