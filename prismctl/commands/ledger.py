"""``prismctl ledger``: the double-entry books behind credits, costs and budgets."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands.keys import Key, find_key, key_names
from prismctl.commands.since import Since, sent
from prismctl.commands.statement import Kind, read_statement, with_ends
from prismctl.errors import CheckFailed
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_object, as_objects, as_text
from prismctl.output import human
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("The ledger: every credit and every charge, as transfers between accounts.")

DEFAULT_LIMIT = 50


_VERDICT = View(
    columns=(
        Column("SOUND", "is_sound"),
        Column("ACCOUNTS", "checked.accounts", human.number),
        Column("POSTINGS", "checked.postings", human.number),
        Column("USAGE ROWS", "checked.usage_rows", human.number),
        Column("HOLDS", "checked.holds", human.number),
        Column("BUDGET WINDOWS", "checked.budget_windows", human.number),
        Column("AUDIT ENTRIES", "checked.audit_entries", human.number),
        Column("UNCHECKED", "unchecked", human.number),
        Column("TOOK", "took_ms", human.millis),
    ),
    name="is_sound",
)
_FAULTS = View(
    columns=(
        Column("TABLE", "table"),
        Column("ROW", "id"),
        Column("WHAT IS WRONG", "reason", is_flexible=True),
    )
)
_ACCOUNTS = View(
    columns=(
        Column("ACCOUNT", "id", is_name=True),
        Column("KIND", "kind"),
        Column("BALANCE", "posted", human.dollars, is_right=True),
        Column("HELD", "held", human.dollars, is_right=True),
        Column("OVERRUN", "overrun", human.dollars, is_right=True),
        Column("KEY", "key_id", is_wide=True),
    ),
    empty="no accounts here",
)
_POSTINGS = View(
    columns=(
        Column("NO", "id", is_right=True),
        Column("TIME", "created_at", human.when),
        Column("KIND", "kind"),
        Column("AMOUNT", "amount", human.dollars, is_right=True),
        Column("FROM", "from_account", is_flexible=True, is_name=True),
        Column("TO", "to_account", is_flexible=True, is_name=True),
        Column("REQUEST", "request_id", is_wide=True),
        Column("NOTE", "note", is_wide=True),
    ),
    empty="no postings here",
)
_HOLDS = View(
    columns=(
        Column("REQUEST", "id"),
        Column("AMOUNT", "amount", human.dollars, is_right=True),
        Column("ACCOUNT", "account", is_flexible=True, is_name=True),
        Column("SINCE", "created_at", human.when),
        Column("ENDS", "expires_at", human.when),
        Column("KEY", "key_id", is_wide=True),
    ),
    empty="nothing is held: no call is running",
)
_STATEMENT = View(
    columns=(
        Column("TIME", "created_at", human.moment),
        Column("KIND", "kind"),
        Column("CHANGE", "change", human.change, is_right=True),
        Column("BALANCE", "balance", human.dollars, is_right=True),
        Column("NOTE", "note", is_flexible=True),
        Column("REQUEST", "request_id", rank=1),
        Column("NO", "id", is_wide=True, is_right=True),
    ),
    empty="nothing was posted to this account",
)


@verb(app, "verify", "prismctl ledger verify", "prismctl ledger verify -o json")
def verify_ledger(ctx: typer.Context) -> None:
    """Recompute everything; name what is wrong.

    Every balance, cost and budget is made anew from what it stands on, while calls go on. If
    they differ, the exit code is 8, and the error names the first row that is wrong. With the
    daemon stopped: prismd verify --data-dir DIR.
    """
    session = session_of(ctx)
    with session.waiting("recomputing the ledger"):
        answer = session.admin.verify_ledger()
    session.out.item(answer, _VERDICT)
    faults = as_objects(answer.get("faults"))
    if answer.get("is_sound"):
        session.out.note("sound: every balance is the sum of its postings, every charge has a call")
        return
    if session.out.is_for_people and faults:
        session.out.stream("\n")
        session.out.list({"data": list(faults)}, _FAULTS)
    first = as_object(faults[0] if faults else None)
    row = f"{as_text(first.get('table'))} {human.plain(first.get('id'), session.out.look)}"
    msg = f"the ledger is not sound: {row.strip()}: {as_text(first.get('reason'))}"
    raise CheckFailed(msg, hint="compare with a backup: prismctl backup list")


@verb(app, "statement", "prismctl ledger statement ci", "prismctl ledger statement ci --since 30d")
def show_statement(
    ctx: typer.Context,
    *,
    key: Key,
    account: Annotated[
        Kind | None,
        typer.Option(help="credit (prepaid) or spend (billed elsewhere); else by its type"),
    ] = None,
    since: Since = None,
) -> None:
    """Show a key's credits and charges.

    The newest is the last; with each, the balance after it. Charges that come while it is read
    are left for the next one.
    """
    session = session_of(ctx)
    found = find_key(session, key)
    kind = account or (Kind.CREDIT if found.get("key_type") == "managed" else Kind.SPEND)
    answer = read_statement(session.admin, as_text(found.get("id")), kind, sent("--since", since))
    if session.out.is_drawn and answer["data"]:
        answer["data"] = with_ends(answer)
    session.out.list(answer, _STATEMENT)
    if answer["held_nano_usd"]:
        held = human.dollars(answer["held"], session.out.look)
        session.out.note(f"of it, {held} are held by running calls")


@verb(app, "accounts", "prismctl ledger accounts", "prismctl ledger accounts --key ci -o json")
def list_accounts(
    ctx: typer.Context,
    *,
    kind: Annotated[
        str | None, typer.Option(help="credit, spend or system", metavar="KIND")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Only of this key: name, id or its beginning", metavar="KEY")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many", min=1, metavar="N")] = None,
) -> None:
    """List accounts. All balances together are 0: what one has, another gave."""
    session = session_of(ctx)
    key_id = None if key is None else as_text(find_key(session, key).get("id"))
    answer = session.admin.ledger_accounts(limit=limit, kind=kind, key=key_id)
    session.out.list(_named(session, answer, "id"), _ACCOUNTS)


@verb(
    app,
    "postings",
    "prismctl ledger postings",
    "prismctl ledger postings --kind grant --since 30d -o csv",
)
def list_postings(
    ctx: typer.Context,
    *,
    account: Annotated[
        str | None,
        typer.Option(help="Only from or to this: key:NAME:credit, system:usage …", metavar="ID"),
    ] = None,
    request: Annotated[str | None, typer.Option(help="Only of this request", metavar="ID")] = None,
    kind: Annotated[
        str | None, typer.Option(help="grant, charge or opening", metavar="KIND")
    ] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(help="At most so many", min=1, metavar="N")] = DEFAULT_LIMIT,
) -> None:
    """List transfers between accounts, newest first."""
    session = session_of(ctx)
    answer = session.admin.ledger_postings(
        limit=limit,
        account=None if account is None else _account(session, account),
        request_id=request,
        kind=kind,
        since=sent("--since", since),
    )
    session.out.list(_named(session, answer, "from_account", "to_account"), _POSTINGS)


@verb(app, "holds", "prismctl ledger holds", "prismctl ledger holds -o name")
def list_holds(ctx: typer.Context) -> None:
    """List what running calls hold."""
    session = session_of(ctx)
    session.out.list(_named(session, session.admin.ledger_holds(), "account"), _HOLDS)


def _account(session: "Session", given: str) -> str:
    """Return the id of an account; in it a key may be named, as it is shown."""
    match given.split(":"):
        case ["key", *name, kind]:
            key_id = as_text(find_key(session, ":".join(name)).get("id"))
            return f"key:{key_id}:{kind}"
        case _:
            return given


def _named(session: "Session", answer: Object, *fields: str) -> Object:
    """Return a list in which people see the names of keys in the ids of accounts."""
    rows = as_objects(answer.get("data"))
    if not session.out.is_drawn or not rows:
        return answer
    names = key_names(session)

    def named(account: str) -> str:
        start, _, rest = account.partition(":")
        key_id, _, kind = rest.partition(":")
        return f"{start}:{names[key_id]}:{kind}" if key_id in names else account

    shown = [row | {field: named(as_text(row.get(field))) for field in fields} for row in rows]
    return {**answer, "data": list(shown)}
