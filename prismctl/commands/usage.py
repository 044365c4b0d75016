"""``prismctl usage``: what was used, what it cost, and whose it was."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import nearest
from prismctl.commands.keys import find_key, key_names
from prismctl.commands.price_views import NO_PRICE
from prismctl.commands.since import Since, Until, sent
from prismctl.errors import UsageProblem
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text
from prismctl.output import bars, human
from prismctl.output.human import Look
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Usage: calls, tokens and cost, summed.")

GROUPS = ("key", "owner", "org", "model", "provider", "day", "hour", "minute", "tag")


@verb(
    app,
    "report",
    "prismctl usage report --since 7d",
    "prismctl usage report --by day,model --key ci -o csv > usage.csv",
)
def report_usage(
    ctx: typer.Context,
    *,
    by: Annotated[
        str, typer.Option(help=f"Sum by: comma list of {', '.join(GROUPS)}", metavar="LIST")
    ] = "model",
    since: Since = None,
    until: Until = None,
    key: Annotated[
        str | None, typer.Option(help="Only of this key: name, id or its beginning", metavar="KEY")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner", metavar="NAME")] = None,
    org: Annotated[str | None, typer.Option(help="Only of this org", metavar="ID")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model", metavar="MODEL")] = None,
    provider: Annotated[
        str | None, typer.Option(help="Only of this provider", metavar="ID")
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only with this tag", metavar="NAME=VALUE")
    ] = None,
) -> None:
    """Sum calls, tokens and cost.

    Counted is what reached a provider: from the beginning, or from --since. Days and hours are UTC.
    By tag, a call counts in each of its tags, or in none; the total counts every call once.
    """
    session = session_of(ctx)
    groups = _groups(by)
    with session.waiting("summing"):
        answer = session.admin.usage(
            group_by=",".join(groups),
            since=sent("--since", since),
            until=sent("--until", until),
            key=None if key is None else as_text(find_key(session, key).get("id")),
            owner=owner,
            org=org,
            model=model,
            provider=provider,
            tag=tag,
        )
    totals = as_object(answer.get("totals"))
    rows = as_objects(answer.get("data"))
    if session.out.is_drawn and rows:
        rows = _named(session, rows) if "key" in groups else rows
        total: Object = {**totals, **dict.fromkeys(groups, ""), groups[0]: "total"}
        answer = {**answer, "data": [*rows, total]}
    session.out.list(answer, _view(groups, totals))
    _warn(session, totals)


def _groups(text: str) -> list[str]:
    groups = [name.strip() for name in text.split(",") if name.strip()]
    for name in groups:
        if name not in GROUPS:
            msg = f"--by does not know {name!r}"
            hint = nearest.hint(name, GROUPS, otherwise=nearest.one_of(GROUPS))
            raise UsageProblem(msg, hint=hint)
    if not groups:
        raise UsageProblem("--by names nothing to sum by", hint=nearest.one_of(GROUPS))
    return groups


def _view(groups: list[str], totals: Object) -> View:
    named = [
        Column(group.upper(), group, _group, is_flexible=True, is_name=True) for group in groups
    ]
    return View(
        columns=(
            *named,
            Column("CALLS", "requests", human.number, is_right=True),
            Column("ERRORS", "errors", human.number, is_right=True, rank=2),
            Column("IN TOKENS", "input_tokens", human.number, is_right=True),
            Column("OUT TOKENS", "output_tokens", human.number, is_right=True),
            Column("COST", "cost", human.money, is_right=True),
            Column("SHARE", "", _share_of(totals), _tone, rank=1),
            Column("CACHED", "cached_input_tokens", human.number, is_wide=True, is_right=True),
            Column("REASONING", "reasoning_tokens", human.number, is_wide=True, is_right=True),
            Column("UNPRICED", "unpriced_requests", human.number, is_wide=True, is_right=True),
            Column("ESTIMATED", "estimated_requests", human.number, is_wide=True, is_right=True),
        ),
        name=groups[0],
        empty="no calls in this time",
    )


def _group(value: Json, look: Look) -> str:
    return "(none)" if value is None and look.is_people else human.plain(value, look)


def _share_of(totals: Object) -> Callable[[Json, Look], str]:
    """Return how a row's share of the whole cost is drawn; what has no price has no share."""
    whole = _count(totals, "cost_nano_usd")

    def share(value: Json, look: Look) -> str:
        row = as_object(value)
        if _is_unpriced(row):
            return human.state(NO_PRICE, look)
        if not whole:
            return ""
        part = _count(row, "cost_nano_usd")
        return f"{bars.bar(part, 0, whole, look)} {part / whole:>6.1%}"

    return share


def _tone(value: Json) -> str:
    return human.tone(NO_PRICE) if _is_unpriced(as_object(value)) else ""


def _is_unpriced(row: Object) -> bool:
    return 0 < _count(row, "requests") == _count(row, "unpriced_requests")


def _count(row: Object, name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0


def _named(session: "Session", rows: list[Object]) -> list[Object]:
    names = key_names(session)
    return [row | {"key": names.get(as_text(row.get("key"))) or row.get("key")} for row in rows]


def _warn(session: "Session", totals: Object) -> None:
    """Say what the costs do not hold, so that nobody takes it for free."""
    if count := _count(totals, "unpriced_requests"):
        calls = "call" if count == 1 else "calls"
        session.out.warn(
            f"{count:,} {calls} of models without a price are in no cost; "
            "see: prismctl prices list --unpriced"
        )
