"""``GET /-/usage``: what was used and what it cost, summed from the usage rows."""

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.queries import moment
from prismd.endpoints.replies import json_reply
from prismd.endpoints.usage_types import COUNTS, Sums, row_view, sums_of
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.money import format_usd
from prismd.store import usage as usage_table
from prismd.store.db import Row

room = APIRouter(tags=["usage"], dependencies=[Depends(deps.admin)])

CSV = "text/csv"


class UsageRow(Sums):
    """The sums of one group; only the fields that were grouped by are there."""

    key: str | None = None
    owner: str | None = None
    org: str | None = None
    model: str | None = None
    provider: str | None = None
    day: str | None = None
    hour: str | None = None
    minute: str | None = None
    tag: str | None = None
    """``name=value``; a call counts in each of its tags."""


class UsageReport(BaseModel):
    """Groups, and the sum of all calls."""

    object: Literal["list"]
    data: list[UsageRow]
    totals: Sums


@room.get(
    "/-/usage",
    response_model=UsageReport,
    response_model_exclude_unset=True,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
)
async def get_usage(
    gateway: deps.TheGateway,
    *,
    group_by: Annotated[str, Query(description="comma list: key,owner,org,model,…")] = "model",
    since: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d")] = None,
    until: Annotated[str | None, Query(description="RFC 3339, or 24h, 7d; excluded")] = None,
    key: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    owner: str | None = None,
    org: str | None = None,
    tag: Annotated[str | None, Query(description="name=value")] = None,
    format: Literal["json", "csv"] | None = None,  # noqa: A002  # the name of the parameter
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Sum usage by the given groups, as JSON or CSV."""
    everything = usage_table.Filter()
    rows = usage_table.Filter(
        since_s=everything.since_s if since is None else moment("since", since),
        until_s=everything.until_s if until is None else moment("until", until),
        key=key,
        model=model,
        provider=provider,
        owner=owner,
        org=org,
        tag=None if tag is None else _tag(tag),
    )
    groups = _groups(group_by)
    data = await usage_table.report(gateway.stores.state, groups, rows)
    if format == "csv" or (format is None and accept.startswith(CSV)):
        return Response(_csv(groups, data), media_type=CSV)
    # By tag, calls are in several groups, or in none: their sum is not that of the groups.
    whole = data
    if "tag" in groups:
        whole = await usage_table.report(gateway.stores.state, (), rows)
    views = [row_view(row) for row in data]
    return json_reply({"object": "list", "data": views, "totals": sums_of(whole)})


def _csv(groups: Sequence[str], data: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*groups, *COUNTS, "cost", "cost_nano_usd"])
    for row in data:
        cost = int(row["cost_nano_usd"] or 0)
        counts = [row[name] for name in (*groups, *COUNTS)]
        writer.writerow([*map(_plain, counts), format_usd(cost), cost])
    return text.getvalue()


def _plain(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _groups(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in usage_table.GROUPS:
            known = ", ".join(usage_table.GROUPS)
            msg = f"Cannot group by '{name}'. Known groups: {known}."
            raise InvalidRequest(msg, code="unknown_group", param="group_by")
    return names


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        msg = "'tag' is name=value, such as team=search."
        raise InvalidRequest(msg, code="invalid_value", param="tag")
    return name, value
