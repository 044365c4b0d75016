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


_CONTEXTS = View(
    columns=(
        Column("NAME", "name"),
        Column("CURRENT", "is_current", _mark),
        Column("URL", "url"),
        Column("TOKEN", "token", is_flexible=True),
        Column("KEY", "key", is_flexible=True),
    ),
    name="name",
    empty="no contexts yet; start a gateway here: prismctl up",
)


def _complete(incomplete: str) -> list[str]:
    return [name for name in contexts.load().by_name if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="Name of a context", autocompletion=_complete)]


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
    "prismctl contexts set prod https://prism.example",
    "prismctl contexts set ci http://prism:8080 --token-ref env:PRISM_ADMIN",
)
def set_context(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name to give or to change")],
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Where the gateway is")] = None,
    token_ref: Annotated[
        str | None,
        typer.Option(help="Where the admin token is: env:NAME or file:PATH", metavar="REF"),
    ] = None,
    key_ref: Annotated[
        str | None,
        typer.Option(help="Where the virtual key is: env:NAME or file:PATH", metavar="REF"),
    ] = None,
) -> None:
    """Make or change a context. To keep a secret itself, use: prismctl auth login."""
    session = session_of(ctx)
    known = session.contexts.by_name.get(contexts.check_name(name))
    if known is None or url is not None:
        address = contexts.check_url(url or session.flags.url or "")
        # Credentials belong to a gateway: another URL begins without them.
        known = known if known and known.url == address else Context(name=name, url=address)
    changed = replace(
        known,
        token=credentials.check_reference(token_ref) if token_ref else known.token,
        key=credentials.check_reference(key_ref) if key_ref else known.key,
    )
    contexts.save(session.contexts.with_context(changed))
    session.out.note(f"{name}: {changed.url}")
    if changed.token is None:
        session.out.note(f"sign in with: prismctl auth login --context {name}")


@verb(app, "rm", "prismctl contexts rm old", "prismctl contexts rm old --yes")
def remove_context(ctx: typer.Context, name: Name) -> None:
    """Forget a context and the credentials that login kept for it."""
    session = session_of(ctx)
    context = session.contexts.get(name)
    question = f"Forget {context.name} ({context.url})"
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
        "token": context.token,
        "key": context.key,
    }
