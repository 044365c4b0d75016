"""``GET /v1/usage``: what the holder of a key has used, spent and left. Nobody else's."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from msgspec.structs import asdict
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.endpoints import deps
from prismd.endpoints.admin.budget_types import BudgetObject, budget_view
from prismd.endpoints.queries import moment
from prismd.endpoints.replies import Usd, json_reply, time_text, usd
from prismd.endpoints.usage_types import Sums, row_view, sums_of
from prismd.gateway import Gateway
from prismd.kernel import clock, jsonio
from prismd.kernel.errors import NotFound
from prismd.store import usage as usage_table
from prismd.wire.budget import BudgetScope
from prismd.wire.common import Usage
from prismd.wire.key import KeyRecord, KeyType

room = APIRouter(tags=["usage"], dependencies=[Depends(deps.caller)])

DEFAULT_SPAN_S = 30 * 86_400

_decode_usage = msgspec.json.Decoder(Usage).decode


class UsageDay(Sums):
    """The sums of one day (UTC)."""

    day: str


class OwnUsage(Sums):
    """What a key has used in a span of time, and what it may still spend."""

    object: Literal["usage"]
    key_id: str
    since: AwareDatetime
    until: AwareDatetime
    credit_balance: Usd | None
    """Prepaid money; null for a key that is billed elsewhere."""
    credit_balance_nano_usd: int | None
    credit_held: Usd | None
    """The part of it that running calls may still cost."""
    credit_held_nano_usd: int | None
    budgets: list[BudgetObject]
    data: list[UsageDay]


class OwnCall(BaseModel):
    """One call of a key."""

    object: Literal["usage.call"]
    request_id: str
    created_at: AwareDatetime
    model: str
    provider: str
    status: int
    error_code: str | None
    usage: dict[str, JsonValue]
    usage_source: Literal["reported", "estimated", "recovered"]
    cost: Usd | None
    cost_nano_usd: int | None
    price_source: str | None
    price_lines: list[dict[str, JsonValue]]


@room.get("/v1/usage", response_model=OwnUsage | OwnCall)
async def get_own_usage(
    gateway: deps.TheGateway,
    caller: deps.TheCaller,
    *,
    since: Annotated[
        str | None, Query(description="RFC 3339, or 24h, 7d; without it, 30 days")
    ] = None,
    until: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d; excluded")] = None,
    request_id: Annotated[str | None, Query(description="only this call")] = None,
) -> Response:
    """Tell a key's holder what was used and what is left; or what one call cost."""
    if request_id is not None:
        return await _one(gateway, caller.key, request_id)
    now_s = clock.wall_s()
    since_s = now_s - DEFAULT_SPAN_S if since is None else moment("since", since)
    until_s = now_s + 1 if until is None else moment("until", until)
    days = await usage_table.days_of_key(
        gateway.stores.state, caller.key.id, since_s=since_s, until_s=until_s
    )
    is_managed = caller.key.key_type is KeyType.MANAGED
    money = gateway.reserve.credits(caller.key.id)
    budgets = gateway.reserve.budgets.of(BudgetScope.KEY, caller.key.id)
    return json_reply(
        {
            "object": "usage",
            "key_id": caller.key.id,
            "since": time_text(since_s),
            "until": time_text(min(until_s, now_s)),
            **sums_of(days),
            **usd("credit_balance", money.posted if is_managed else None),
            **usd("credit_held", money.held if is_managed else None),
            "budgets": [budget_view(budget, gateway.reserve) for budget in budgets],
            "data": [row_view(day) for day in days],
        }
    )


async def _one(gateway: Gateway, key: KeyRecord, request_id: str) -> Response:
    call = await usage_table.call_of_key(gateway.stores.state, key.id, request_id)
    if call is None:
        msg = f"This key made no call '{request_id}' that reached a provider."
        raise NotFound(msg, code="request_not_found", param="request_id")
    counted = {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens}
    return json_reply(
        {
            "object": "usage.call",
            "request_id": call.request_id,
            "created_at": time_text(call.ts_ms / 1000),
            "model": call.model,
            "provider": call.provider,
            "status": call.status,
            "error_code": call.error_code,
            "usage": asdict(_decode_usage(call.usage)) if call.usage else counted,
            "usage_source": call.usage_source,
            **usd("cost", call.cost_nano_usd),
            "price_source": call.price_source,
            "price_lines": jsonio.decode(call.price_lines) if call.price_lines else [],
        }
    )
