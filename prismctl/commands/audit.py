"""``prismctl audit``: who changed what, and whether the log of it is whole."""

from typing import Annotated

import typer

from prismctl.commands.audit_views import ENTRIES, VERDICT
from prismctl.commands.since import Since, sent
from prismctl.errors import CheckFailed
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_text

app = noun("The audit log: every change of keys and configuration, in a chain that shows edits.")

DEFAULT_LIMIT = 50


@verb(app, "list", "prismctl audit list", "prismctl audit ls --since 7d --action key.revoked")
def list_audit(
    ctx: typer.Context,
    *,
    since: Since = None,
    action: Annotated[
        str | None, typer.Option(help="Such as key.created", metavar="ACTION")
    ] = None,
    object_: Annotated[
        str | None, typer.Option("--object", help="Only of this id", metavar="ID")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many", min=1, metavar="N")] = DEFAULT_LIMIT,
) -> None:
    """List changes, newest first."""
    session = session_of(ctx)
    answer = session.admin.audit(
        limit=limit, since=sent("--since", since), action=action, object_id=object_
    )
    session.out.list(answer, ENTRIES)


@verb(app, "verify", "prismctl audit verify", "prismctl audit verify --head 9f2c… -o json")
def verify_audit(
    ctx: typer.Context,
    *,
    head: Annotated[
        str | None,
        typer.Option(help="A head noted before: it must still be in the log", metavar="HASH"),
    ] = None,
) -> None:
    """Recompute the chain. Exit code 8 if an entry was edited, removed or put in between.

    Entries cut off at the end leave a sound chain: note the head that is shown, elsewhere, and
    give it with --head the next time.
    """
    session = session_of(ctx)
    with session.waiting("recomputing the chain"):
        answer = session.admin.verify_audit(noted_head=head)
    session.out.item(answer, VERDICT)
    if not answer.get("is_sound"):
        number, reason = as_text(answer.get("first_broken")), as_text(answer.get("reason"))
        msg = f"entry {number} of the audit log is not what was written: {reason}"
        raise CheckFailed(msg, hint="compare with a backup; the entries before it are sound")
    if answer.get("has_noted_head") is False:
        msg = "the noted head is not in the audit log: entries were cut off at its end"
        raise CheckFailed(msg, hint="compare with a backup")
