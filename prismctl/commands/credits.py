"""``prismctl credits``: prepaid dollars of managed keys."""

from typing import Annotated

import typer

from prismctl.commands import amounts
from prismctl.commands.keys import Key, find_key
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_text
from prismctl.output import human
from prismctl.output.table import Column, View

app = noun("Prepaid credits of managed keys.")

_BALANCE = View(
    columns=(
        Column("KEY", "key_id"),
        Column("ADDED", "added", human.dollars),
        Column("CREDITS", "credit_balance", human.dollars),
    ),
    name="key_id",
)
_HISTORY = View(
    columns=(
        Column("TIME", "created_at", human.moment),
        Column("ADDED", "amount", human.change, is_right=True),
        Column("NOTE", "note", is_flexible=True),
        Column("REQUEST", "request_id", rank=1),
        Column("NO", "id", is_wide=True, is_right=True),
    ),
    empty="no credits were ever added to this key; add some: prismctl credits add KEY USD",
)


@verb(app, "add", "prismctl credits add ci 20", "prismctl credits add ci 0.50 --note 'invoice 7'")
def add_credits(
    ctx: typer.Context,
    *,
    key: Key,
    amount: Annotated[str, typer.Argument(metavar="USD", help="Dollars to add")],
    note: Annotated[
        str | None, typer.Option(help="Why; it stands in the history", metavar="TEXT")
    ] = None,
) -> None:
    """Add credits to a key."""
    session = session_of(ctx)
    value = amounts.dollars(amount)
    key_id = as_text(find_key(session, key).get("id"))
    session.out.item(session.admin.add_credits(key_id, value, note=note), _BALANCE)


@verb(app, "history", "prismctl credits history ci", "prismctl credits history ci -o csv")
def list_credits(
    ctx: typer.Context,
    key: Key,
    limit: Annotated[int | None, typer.Option(help="At most so many", min=1, metavar="N")] = None,
) -> None:
    """List what was added to a key's credits, newest first."""
    session = session_of(ctx)
    key_id = as_text(find_key(session, key).get("id"))
    session.out.list(session.admin.credits(key_id, limit=limit), _HISTORY)
