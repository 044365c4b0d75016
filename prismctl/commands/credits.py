"""``prismctl credits``: prepaid dollars of managed keys."""

from typing import Annotated

import typer

from prismctl.commands.key_flags import amount as dollars_of
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


@verb(app, "add", "prismctl credits add ci 20", "prismctl credits add key_01J 0.50 -o json")
def add_credits(
    ctx: typer.Context,
    key: Key,
    amount: Annotated[str, typer.Argument(metavar="USD", help="Dollars to add")],
) -> None:
    """Add credits to a key."""
    session = session_of(ctx)
    value = dollars_of(amount)
    found = find_key(session, key)
    session.out.item(session.admin.add_credits(as_text(found.get("id")), value), _BALANCE)
