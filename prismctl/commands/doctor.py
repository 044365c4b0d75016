"""``prismctl doctor``: what should be looked after, each with what to do about it."""

import typer

from prismctl.errors import CheckFailed
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import as_objects, as_text
from prismctl.output import human
from prismctl.output.table import Column, View

app = top_verb()

_CHECKS = View(
    columns=(
        Column("CHECK", "id"),
        Column("STATE", "state", human.state, human.tone),
        Column("FOUND", "message", is_flexible=True),
        Column("DO", "fix"),
    ),
    rows="checks",
)


@verb(app, "doctor", "prismctl doctor", "prismctl doctor -o json --fields checks")
def doctor(ctx: typer.Context) -> None:
    """Look at storage, money, prices, providers, configuration and backups.

    Exit code 8 if something has failed; a warning is no failure.
    """
    session = session_of(ctx)
    answer = session.admin.doctor()
    session.out.list(answer, _CHECKS)
    failed = [row for row in as_objects(answer.get("checks")) if row.get("state") == "failed"]
    if failed:
        names = ", ".join(as_text(row.get("id")) for row in failed)
        raise CheckFailed(f"not well: {names}", hint="the column DO says what helps")
