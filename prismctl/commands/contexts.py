"""``prismctl contexts``: named gateways, and which one is meant when none is named."""

from dataclasses import replace
from typing import Annotated

import typer

from prismctl import contexts, credentials
from prismctl.contexts import Context
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Json, Object
from prismctl.output import ask, human
from prismctl.output.table import Column, View

app = noun("Named gateways: where they are, and which one is current.")


def _mark(value: Json, look: human.Look) -> str:
    if not look.is_people:
        return human.plain(value, look)
    return "*" if value else ""


def _protected(value: Json, look: human.Look) -> str:
    if not look.is_people:
        return human.plain(value, look)
    return human.state("protected", look) if value else ""


def _protected_tone(value: Json) -> str:
    return human.tone("protected") if value else ""


_CONTEXTS = View(
    columns=(
        Column("NAME", "name", is_name=True),
        Column("CURRENT", "is_current", _mark),
        Column("URL", "url"),
        Column("PROTECTED", "is_protected", _protected, _protected_tone),
        Column("TOKEN", "token", is_flexible=True),
        Column("KEY", "key", is_flexible=True),
    ),
    name="name",
    empty="no contexts yet; start a gateway here: prismctl up",
)


def _complete(incomplete: str) -> list[str]:
    return [name for name in contexts.load().by_name if name.startswith(incomplete)]


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a context", autocompletion=_complete)
]


@verb(app, "list", "prismctl contexts list", "prismctl contexts ls -o name")
def list_contexts(ctx: typer.Context) -> None:
    """List contexts: where credentials are kept, never the credentials."""
    session = session_of(ctx)
    current = session.named_context
    rows: list[Json] = [
        _row(context, is_current=context == current)
        for context in session.contexts.by_name.values()
    ]
    session.out.list({"object": "list", "data": rows}, _CONTEXTS)


@verb(app, "use", "prismctl contexts use prod", "prismctl contexts use local --quiet")
def use_context(ctx: typer.Context, name: Name) -> None:
    """Make a context the current one."""
    session = session_of(ctx)
    context = session.contexts.get(name)
    contexts.save(replace(session.contexts, current=context.name))
    session.out.note(f"current gateway: {context.name}, {context.url}")


@verb(
    app,
    "set",
    "prismctl contexts set prod https://prism.example --protected",
    "prismctl contexts set ci http://prism:8080 --token-ref env:PRISM_ADMIN",
)
def set_context(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to give or to change")],
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Where the gateway is")] = None,
    token_ref: Annotated[
        str | None,
        typer.Option(help="Where the admin token is: env:NAME or file:PATH", metavar="REF"),
    ] = None,
    key_ref: Annotated[
        str | None,
        typer.Option(help="Where the virtual key is: env:NAME or file:PATH", metavar="REF"),
    ] = None,
    protected: Annotated[
        bool | None,
        typer.Option(
            "--protected/--no-protected", help="Changes there need this name to be typed, or not"
        ),
    ] = None,
) -> None:
    """Make or change a context. To keep a secret itself, use: prismctl auth login.

    At a protected one each command that changes something asks for its name, in full: --yes is
    not enough. Where nobody can be asked, it is given with --yes-protected NAME.
    """
    session = session_of(ctx)
    known = session.contexts.by_name.get(contexts.check_name(name))
    if known is None or url is not None:
        address = contexts.check_url(url or session.flags.url or "")
        # Credentials belong to a gateway: another URL begins without them.
        if known is None or known.url != address:
            was_protected = known is not None and known.is_protected
            known = Context(name=name, url=address, is_protected=was_protected)
    before = session.contexts.by_name.get(name)
    if before is not None and before.is_protected:
        session.guard.allow(name, f"this changes the context {name}, {before.url}")
    changed = replace(
        known,
        token=credentials.check_reference(token_ref) if token_ref else known.token,
        key=credentials.check_reference(key_ref) if key_ref else known.key,
        is_protected=known.is_protected if protected is None else protected,
    )
    contexts.save(session.contexts.with_context(changed))
    mark = ", protected" if changed.is_protected else ""
    session.out.note(f"{name}: {changed.url}{mark}")
    if changed.token is None:
        session.out.note(f"sign in with: prismctl auth login --context {name}")


@verb(app, "rm", "prismctl contexts rm old", "prismctl contexts rm old --yes")
def remove_context(ctx: typer.Context, name: Name) -> None:
    """Forget a context and the credentials that login kept for it."""
    session = session_of(ctx)
    context = session.contexts.get(name)
    question = f"Forget {context.name} ({context.url})"
    if context.is_protected:
        session.guard.allow(context.name, question)
    else:
        ask.confirm(question, is_asking=session.is_asking, is_agreed=session.flags.yes)
    for reference in filter(None, (context.token, context.key)):
        credentials.forget(reference)
    contexts.save(session.contexts.without(context.name))
    session.out.note(f"{context.name}: forgotten")


def _row(context: Context, *, is_current: bool) -> Object:
    return {
        "name": context.name,
        "is_current": is_current,
        "url": context.url,
        "is_protected": context.is_protected,
        "token": context.token,
        "key": context.key,
    }
