"""``prismctl budgets``: spending limits of keys, owners, orgs, models and tags."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands import amounts
from prismctl.commands.budget_views import BUDGET, BUDGETS, typed
from prismctl.commands.keys import find_key, key_names
from prismctl.errors import NotThere, UsageProblem
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_objects, as_text
from prismctl.output import human

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Budgets: how much a key, owner, org, model or tag may spend in a window of time.")

SCOPES = ("key", "owner", "org", "model", "tag")
_SUBJECT_HELP = "key:NAME, owner:NAME, org:ID, model:NAME (gpt-* matches) or tag:NAME=VALUE"
_EXAMPLES = "for example key:ci, owner:ana, org:acme, model:gpt-*, tag:team=search"

Which = Annotated[
    str,
    typer.Argument(metavar="BUDGET", help="key:NAME, owner:NAME … as in `set`; or a budget's id"),
]
Window = Annotated[
    str | None,
    typer.Argument(metavar="[WINDOW]", help="day, week, month or total, where it has several"),
]


@verb(app, "list", "prismctl budgets list", "prismctl budgets ls owner:ana -o json")
def list_budgets(
    ctx: typer.Context,
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[SUBJECT]", help=f"Only of {_SUBJECT_HELP}; or of a scope: key"),
    ] = None,
) -> None:
    """List budgets, and what is left of them.

    Windows begin at midnight UTC: of the day, of Monday, of the first of the month.
    """
    session = session_of(ctx)
    scope: str | None = None
    name: str | None = None
    if subject in SCOPES:
        scope = subject
    elif subject is not None:
        scope, name = _subject(session, subject)
    answer = session.admin.budgets(scope=scope, subject=name)
    rows = as_objects(answer.get("data"))
    if session.out.is_drawn and any(row.get("scope") == "key" for row in rows):
        names = key_names(session)
        answer["data"] = [_with_name(row, names) for row in rows]
    session.out.list(answer, BUDGETS)


@verb(app, "get", "prismctl budgets get key:ci", "prismctl budgets get key:ci month -o json")
def get_budget(ctx: typer.Context, budget: Which, window: Window = None) -> None:
    """Show one budget."""
    session = session_of(ctx)
    session.out.item(_find(session, budget, window), BUDGET)


@verb(
    app,
    "set",
    "prismctl budgets set key:ci 50/month",
    "prismctl budgets set tag:team=search 200/week --soft --warn 90",
)
def set_budget(
    ctx: typer.Context,
    *,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help=_SUBJECT_HELP)],
    limit: Annotated[
        str, typer.Argument(metavar="LIMIT", help="Dollars per day, week, month or total: 50/month")
    ],
    hard: Annotated[
        bool | None,
        typer.Option("--hard/--soft", help="At the limit refuse calls, or only warn"),
    ] = None,
    warn: Annotated[
        int | None, typer.Option(help="Warn from so many per cent", min=1, max=100, metavar="N")
    ] = None,
) -> None:
    """Make a budget, or change it.

    There is one for each subject and window. A new one is hard and warns at 80 %; of one that
    is there, only what is named changes.
    """
    session = session_of(ctx)
    fields = amounts.budget(limit)
    if hard is not None:
        fields["hard"] = hard
    if warn is not None:
        fields["warn_percent"] = warn
    scope, name = _subject(session, subject)
    window = fields.pop("window")
    found = [row for row in _of(session, scope, name) if row.get("window") == window]
    if found:
        answer = session.admin.update_budget(as_text(found[0].get("id")), fields)
        note = f"changed; it was {typed(found[0], session.out.look)}"
    else:
        made: Object = {"scope": scope, "subject": name, "window": window}
        answer = session.admin.create_budget(made | fields)
        note = "made; it counts from now on"
    session.out.item(answer, BUDGET)
    session.out.note(f"{_named(session, subject, answer)}: {note}")


@verb(app, "reset", "prismctl budgets reset key:ci", "prismctl budgets reset key:ci month --yes")
def reset_budget(ctx: typer.Context, budget: Which, window: Window = None) -> None:
    """Let a budget count from zero again.

    What was spent in the current window is forgotten, by this budget alone:
    usage and ledger keep every call.
    """
    session = session_of(ctx)
    found = _find(session, budget, window)
    spent = human.dollars(found.get("spent"), replace(session.out.look, is_people=True))
    question = f"Forget {spent} spent of the {_named(session, budget, found)}"
    session.confirm(question, "usage and ledger keep every call")
    session.out.item(session.admin.reset_budget(as_text(found.get("id"))), BUDGET)


@verb(app, "delete", "prismctl budgets delete key:ci day", "prismctl budgets rm bgt_01J --yes")
def delete_budget(ctx: typer.Context, budget: Which, window: Window = None) -> None:
    """Delete a budget."""
    session = session_of(ctx)
    found = _find(session, budget, window)
    named = _named(session, budget, found)
    spent = human.dollars(found.get("spent"), replace(session.out.look, is_people=True))
    end = "refuses no call any more" if found.get("hard") else "warns no more"
    session.confirm(f"Delete the {named}", f"{spent} of it are spent; it {end}")
    answer = session.admin.delete_budget(as_text(found.get("id")))
    if session.out.is_for_people:
        session.out.note(f"{named}: deleted")
    else:
        session.out.item(answer, BUDGET)


def _subject(session: "Session", text: str) -> tuple[str, str]:
    """Read ``scope:name`` as the API's scope and subject; a key's name becomes its id.

    Raises:
        UsageProblem: it is something else.
    """
    scope, colon, name = text.partition(":")
    if not colon or not name or scope not in SCOPES:
        msg = f"{text!r} does not say whose budget"
        raise UsageProblem(msg, hint=_EXAMPLES)
    if scope == "tag" and "=" not in name:
        msg = f"{text!r} is not a tag with its value"
        raise UsageProblem(msg, hint="for example tag:team=search")
    return scope, as_text(find_key(session, name).get("id")) if scope == "key" else name


def _of(session: "Session", scope: str, name: str) -> list[Object]:
    return as_objects(session.admin.budgets(scope=scope, subject=name).get("data"))


def _find(session: "Session", given: str, window: str | None) -> Object:
    """Return the budget that an id, its beginning, or a subject and a window mean.

    Raises:
        NotThere: there is none.
        UsageProblem: there are several.
    """
    name = None if window is None else amounts.window(window)
    if is_id := given.startswith("bgt_"):
        rows = as_objects(session.admin.budgets().get("data"))
        rows = [row for row in rows if as_text(row.get("id")).startswith(given)]
    else:
        rows = _of(session, *_subject(session, given))
    found = [row for row in rows if name in (None, row.get("window"))]
    if not found:
        msg = f"there is no budget of {given}" + (f" with the window {window}" if window else "")
        raise NotThere(msg, hint="see: prismctl budgets list")
    if len(found) > 1:
        names = [as_text(row.get("id")) if is_id else _word(row) for row in found]
        msg = f"{given} means {len(found)} budgets: {', '.join(names)}"
        hint = "use the whole id" if is_id else f"say which, for example {given} {names[0]}"
        raise UsageProblem(msg, hint=hint)
    return found[0]


def _with_name(row: Object, names: dict[str, str]) -> Object:
    key_id = as_text(row.get("subject"))
    return row | {"subject": names.get(key_id, key_id)} if row.get("scope") == "key" else row


def _named(session: "Session", given: str, budget: Object) -> str:
    scope, subject = as_text(budget.get("scope")), as_text(budget.get("subject"))
    whose = f"{scope}:{subject}" if given.startswith("bgt_") else given
    return f"budget of {whose}, {typed(budget, session.out.look)}"


def _word(budget: Object) -> str:
    return amounts.window_word(as_text(budget.get("window")))
