"""``prismctl backup``: copies of the gateway's state, taken while it works."""

from typing import Annotated

import typer

from prismctl.commands import lookup
from prismctl.errors import ApiError, CheckFailed
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import as_objects, as_text
from prismctl.output import human
from prismctl.output.table import Column, View

app = noun("Backups: verified copies of keys, usage and audit log, on the gateway's machine.")

_BACKUPS = View(
    columns=(
        Column("ID", "id"),
        Column("TIME", "created_at", human.moment),
        Column("BYTES", "size_bytes", human.number, is_right=True),
        Column("KEYS", "keys", human.number, is_right=True),
        Column("USAGE ROWS", "usage_rows", human.number, is_right=True),
        Column("PATH", "path", is_wide=True),
        Column("AUDIT ROWS", "audit_rows", human.number, is_wide=True, is_right=True),
        Column("SHA-256", "sha256", is_wide=True),
    ),
    empty="no backups; make one with prismctl backup create",
)
_BACKUP = View(
    columns=(
        Column("ID", "id"),
        Column("TIME", "created_at", human.moment),
        Column("PATH", "path"),
        Column("BYTES", "size_bytes", human.number),
        Column("SHA-256", "sha256"),
        Column("KEYS", "keys", human.number),
        Column("USAGE ROWS", "usage_rows", human.number),
        Column("AUDIT ROWS", "audit_rows", human.number),
    )
)


@verb(app, "create", "prismctl backup create", "prismctl backup create -o json --fields path")
def create_backup(ctx: typer.Context) -> None:
    """Copy the gateway's state while it works; the copy is opened and verified.

    To restore: stop prismd, put the file in the place of state.db, remove state.db-wal and
    state.db-shm, start prismd. The file master.key is not in it; keep a copy of that elsewhere.
    """
    session = session_of(ctx)
    with session.waiting("copying and verifying"):
        answer = session.admin.create_backup()
    session.out.item(answer, _BACKUP)
    session.out.note("verified; keep a copy of master.key as well, in another place")


@verb(app, "list", "prismctl backup list", "prismctl backup ls -o wide")
def list_backups(ctx: typer.Context) -> None:
    """List backups, newest first."""
    session = session_of(ctx)
    session.out.list(session.admin.backups(), _BACKUPS)


@verb(app, "verify", "prismctl backup verify bak_0e1f", "prismctl backup verify bak_0e1f -o json")
def verify_backup(
    ctx: typer.Context,
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="Its id, or the beginning of it")],
) -> None:
    """Check a backup again, from its first to its last page. Exit code 8 if it is damaged."""
    session = session_of(ctx)
    try:
        with session.waiting("reading the copy"):
            rows = as_objects(session.admin.backups().get("data"))
            found = lookup.the_one(backup, rows, noun="backup", see="prismctl backup list")
            answer = session.admin.verify_backup(as_text(found.get("id")))
    except ApiError as error:
        if error.code != "backup_damaged":
            raise
        raise CheckFailed(str(error), hint="make another: prismctl backup create") from None
    session.out.item(answer, _BACKUP)
