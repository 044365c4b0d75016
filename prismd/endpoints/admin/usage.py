"""``GET /-/usage``: what was used and what it cost, summed from the usage rows."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.queries import moment
from prismd.endpoints.replies import Usd, json_reply, usd
from prismd.kernel.errors import InvalidRequest
from prismd.store import usage as usage_table
from prismd.store.db import Row

room = APIRouter(tags=["usage"], dependencies=[Depends(deps.admin)])

_SUMS = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "unpriced_requests",
)


class Sums(BaseModel):
    """Sums over calls that reached a provider."""

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    unpriced_requests: int
    """Calls of models without a price: they are in no cost."""
    cost: Usd
    cost_nano_usd: int


class UsageRow(Sums):
    """The sums of one group; only the fields that were grouped by are there."""

    key: str | None = None
    owner: str | None = None
    org: str | None = None
    model: str | None = None
    provider: str | None = None
    day: str | None = None


class UsageReport(BaseModel):
    """Groups, and the sum of all."""

    object: Literal["list"]
    data: list[UsageRow]
    totals: Sums


@room.get("/-/usage", response_model=UsageReport, response_model_exclude_unset=True)
async def get_usage(
    gateway: deps.TheGateway,
    *,
    group_by: Annotated[str, Query(description="comma list: key,owner,org,model,…")] = "model",
    since: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d")] = None,
    until: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d; excluded")] = None,
    key: str | None = None,
    model: str | None = None,
    provider: str | None = None,
) -> Response:
    """Sum usage by the given groups."""
    everything = usage_table.Filter()
    rows = usage_table.Filter(
        since_s=everything.since_s if since is None else moment("since", since),
        until_s=everything.until_s if until is None else moment("until", until),
        key=key,
        model=model,
        provider=provider,
    )
    data = await usage_table.report(gateway.stores.state, _groups(group_by), rows)
    return json_reply(
        {"object": "list", "data": [_view(row) for row in data], "totals": _totals(data)}
    )


def _groups(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in usage_table.GROUPS:
            known = ", ".join(usage_table.GROUPS)
            msg = f"Cannot group by '{name}'. Known groups: {known}."
            raise InvalidRequest(msg, code="unknown_group", param="group_by")
    return names


def _view(row: Row) -> dict[str, object]:
    return dict(row) | usd("cost", int(row["cost_nano_usd"] or 0))


def _totals(rows: Sequence[Row]) -> dict[str, object]:
    totals: dict[str, object] = {name: sum(int(row[name] or 0) for row in rows) for name in _SUMS}
    return totals | usd("cost", sum(int(row["cost_nano_usd"] or 0) for row in rows))
