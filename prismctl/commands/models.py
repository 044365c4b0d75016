"""``prismctl models``: every model of the gateway, with its limits and prices."""

from typing import Annotated

import typer

from prismctl.commands import lookup
from prismctl.commands.price_views import source, source_tone
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_objects
from prismctl.output import human
from prismctl.output.table import Column, View

app = noun("Models: who serves them, how much they take, what they cost.")

_COLUMNS = (
    Column("ID", "id", is_name=True),
    Column("PROVIDER", "owned_by"),
    Column("CONTEXT", "max_input_tokens", human.number, is_right=True),
    Column("INPUT $/M", "pricing.input_per_m_tokens", human.dollars, is_right=True),
    Column("OUTPUT $/M", "pricing.output_per_m_tokens", human.dollars, is_right=True),
    Column(
        "CACHED $/M",
        "pricing.cached_input_per_m_tokens",
        human.dollars,
        is_wide=True,
        is_right=True,
    ),
    Column("PRICE FROM", "price_source", source, source_tone),
)
_MODELS = View(columns=_COLUMNS, empty="no models; see: prismctl providers health")


@verb(app, "list", "prismctl models list", "prismctl models ls --provider openai -o name")
def list_models(
    ctx: typer.Context,
    *,
    provider: Annotated[
        str | None, typer.Option(help="Only of this provider", metavar="ID")
    ] = None,
) -> None:
    """List models. One without a price is marked: what it costs is in no cost and no budget."""
    session = session_of(ctx)
    answer = session.admin.models()
    rows = as_objects(answer.get("data"))
    if provider is not None:
        rows = [row for row in rows if row.get("owned_by") == provider]
        if not rows:
            known = as_objects(session.admin.capabilities().get("providers"))
            lookup.the_one(provider, known, noun="provider", see="prismctl providers list")
        answer["data"] = list(rows)
    session.out.list(answer, _MODELS)
    if unpriced := sum(row.get("is_priced") is False for row in rows):
        session.out.note(f"without a price: {unpriced}; see: prismctl prices list --unpriced")


@verb(app, "get", "prismctl models get fake/echo", "prismctl models get gpt-5 -o json")
def get_model(
    ctx: typer.Context, model: Annotated[str, typer.Argument(metavar="MODEL", help="Its id")]
) -> None:
    """Show one model."""
    session = session_of(ctx)
    rows = as_objects(session.admin.models().get("data"))
    found = lookup.the_one(model, rows, noun="model", see="prismctl models list")
    session.out.item(found, _MODELS)
