"""``prismctl prices``: what models cost, and prices of your own."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import nearest
from prismctl.commands import price_units, price_views
from prismctl.commands.price_views import BILL, PRICE, PRICES
from prismctl.errors import NotThere, UsageProblem
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_objects, as_text
from prismctl.output import human

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Prices: what a model costs at each provider, and who says so.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its id")]
Provider = Annotated[str | None, typer.Option(help="Only at this provider", metavar="ID")]
Org = Annotated[str | None, typer.Option(help="Only for this org", metavar="ID")]


@verb(app, "list", "prismctl prices list", "prismctl prices ls --unpriced -o name")
def list_prices(
    ctx: typer.Context,
    *,
    model: Annotated[str | None, typer.Option(help="Only of this model", metavar="MODEL")] = None,
    provider: Provider = None,
    source: Annotated[
        str | None,
        typer.Option(help="Only from here: override, config, genai-prices …", metavar="SOURCE"),
    ] = None,
    unpriced: Annotated[bool, typer.Option("--unpriced", help="Only without a price")] = False,
) -> None:
    """List prices, and models without one.

    A row for every model at every provider that serves it, then prices that were set for orgs.
    """
    session = session_of(ctx)
    answer = session.admin.prices(model=model, provider=provider, source=source)
    rows = as_objects(answer.get("data"))
    if unpriced:
        rows = [row for row in rows if not row.get("is_priced")]
        answer["data"] = list(rows)
    session.out.list(answer, PRICES)


@verb(app, "get", "prismctl prices get gpt-5", "prismctl prices get gpt-5 --provider azure -o json")
def get_price(ctx: typer.Context, model: Model, provider: Provider = None) -> None:
    """Show all rates of a model."""
    session = session_of(ctx)
    answer = session.admin.prices(model=model, provider=provider)
    rows = as_objects(answer.get("data"))
    if not rows:
        raise _missing(session, model)
    if len(rows) == 1:
        session.out.item(rows[0], PRICE)
    else:
        session.out.list(answer, PRICES)


@verb(
    app,
    "set",
    "prismctl prices set gpt-5 input=1.25 output=10 cached=0.125",
    "prismctl prices set flux --provider lab image=0.04",
)
def set_price(
    ctx: typer.Context,
    *,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="As clients name it, or as its vendor does")
    ],
    rates: Annotated[
        list[str],
        typer.Argument(metavar="NAME=USD", help=f"Dollars by name: {price_units.WORDS}"),
    ],
    provider: Provider = None,
    org: Org = None,
) -> None:
    """Set what a model costs from now on.

    It stands in place of the public price, and of what was set before, as a whole. Tokens and
    characters are per million, all else per one; parts of input and output without a rate of
    their own cost what the whole does. What was billed keeps its price.
    """
    session = session_of(ctx)
    fields: Object = {"model": model, **price_units.read_rates(rates)}
    fields |= {"provider": provider} if provider else {}
    fields |= {"org_id": org} if org else {}
    session.out.item(session.admin.set_price(fields), PRICE)


@verb(app, "delete", "prismctl prices delete gpt-5", "prismctl prices rm prc_01J --yes")
def delete_price(
    ctx: typer.Context,
    *,
    price: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Its id; or the id of a price that was set, or its beginning"
        ),
    ],
    provider: Provider = None,
    org: Org = None,
) -> None:
    """Remove a price that was set.

    The price that it stood in place of is in force again.
    """
    session = session_of(ctx)
    found = _find(session, price, provider, org)
    question = f"Remove the price of {as_text(found.get('model'))} ({as_text(found.get('id'))})"
    rates = price_views.rates(found.get("pricing"), replace(session.out.look, is_people=True))
    session.confirm(question, f"its rates: {rates}", "what was billed keeps its price")
    answer = session.admin.delete_price(as_text(found.get("id")))
    if session.out.is_for_people:
        session.out.note(f"price of {as_text(answer.get('model'))}: removed")
    else:
        session.out.item(answer, PRICE)


@verb(
    app,
    "test",
    "prismctl prices test gpt-5 input=1000 output=200",
    "prismctl prices test gpt-5 input=90000 cached=80000 output=500 --provider azure",
)
def try_price(
    ctx: typer.Context,
    *,
    model: Model,
    usage: Annotated[
        list[str],
        typer.Argument(metavar="NAME=COUNT", help=f"What is used, by name: {price_units.WORDS}"),
    ],
    provider: Annotated[
        str | None, typer.Option(help="At this provider; else the first", metavar="ID")
    ] = None,
    org: Annotated[str | None, typer.Option(help="For this org", metavar="ID")] = None,
) -> None:
    """Bill a call that nobody makes.

    It is billed line by line, as a call would be now. Parts are counted in their whole:
    cached=80000 of input=90000 leaves 10000 at the full rate.
    """
    session = session_of(ctx)
    body: Object = {"model": model, "usage": price_units.read_usage(usage)}
    body |= {"provider": provider} if provider else {}
    body |= {"org_id": org} if org else {}
    answer = session.admin.test_price(body)
    shown = answer
    if session.out.is_drawn and answer.get("lines"):
        total: Object = {"unit": "total", "amount_pico_usd": answer.get("cost_pico_usd")}
        shown = {**answer, "lines": [*as_objects(answer.get("lines")), total]}
    session.out.list(shown, BILL)
    _explain(session, answer)


def _explain(session: "Session", bill: Object) -> None:
    """Say whose price it was, what is charged, and what is not."""
    where = f"{as_text(bill.get('model'))} at {as_text(bill.get('provider'))}"
    if not bill.get("is_priced", True):
        session.out.warn(f"{where} has no price: {_UNPRICED}")
        return
    charged = human.plain(bill.get("cost"), session.out.look)
    session.out.note(f"{where}, price from {as_text(bill.get('source'))}: ${charged} are charged")
    if unpriced := bill.get("unpriced"):
        names = human.plain(unpriced, session.out.look)
        session.out.warn(f"used, but without a rate, so in no cost: {names}")


_UNPRICED = "calls of it are in no cost; give it one: prismctl prices set MODEL NAME=USD"


def _find(session: "Session", given: str, provider: str | None, org: str | None) -> Object:
    """Return the price that was set and that an id, or a model and its place, mean.

    Raises:
        NotThere: none was set.
        UsageProblem: several were.
    """
    rows = as_objects(session.admin.prices().get("data"))
    found: dict[str, Object] = {}
    for row in rows:
        is_begun = given.startswith("prc_") and as_text(row.get("id")).startswith(given)
        is_meant = is_begun or given in (row.get("id"), row.get("model"))
        is_there = provider in (None, row.get("provider")) and org in (None, row.get("org_id"))
        if row.get("id") is not None and is_meant and is_there:
            found.setdefault(as_text(row["id"]), row)
    if not found:
        msg = f"no price was set for {given!r}"
        known = [as_text(row.get(name)) for row in rows for name in ("model", "id")]
        see = "see: prismctl prices list --source override"
        raise NotThere(msg, hint=nearest.hint(given, known, otherwise=see))
    if len(found) > 1:
        msg = f"{given!r} means {len(found)} prices: {', '.join(found)}"
        raise UsageProblem(msg, hint="use the whole id, or --provider and --org")
    return next(iter(found.values()))


def _missing(session: "Session", model: str) -> NotThere:
    names = [as_text(row.get("model")) for row in as_objects(session.admin.prices().get("data"))]
    hint = nearest.hint(model, names, otherwise="see: prismctl prices list")
    return NotThere(f"there is no model {model!r} there", hint=hint)
