"""``prismctl auth``: give a context its credentials, take them away, see where they are."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import contexts, credentials
from prismctl.contexts import Context
from prismctl.errors import CheckFailed, NotSignedIn, PrismctlError, UsageProblem
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object
from prismctl.output import ask, human
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Sign in: the admin token, and the virtual key that chat uses.")

_STATUS = View(
    columns=(
        Column("CREDENTIAL", "credential"),
        Column("STATE", "state", human.state, human.tone),
        Column("FROM", "source"),
        Column("PROBLEM", "problem", is_flexible=True),
    ),
    name="credential",
)


@verb(
    app,
    "login",
    "prismctl auth login",
    "prismctl auth login --context prod --url https://prism.example --token-file - < token.txt",
)
def login(
    ctx: typer.Context,
    *,
    key: Annotated[
        bool, typer.Option("--key", help="The virtual key that chat uses, not the admin token")
    ] = False,
    storage: Annotated[
        credentials.Storage | None,
        typer.Option(
            help="Keep it in the keyring or a 0600 file; else what works", metavar="WHERE"
        ),
    ] = None,
) -> None:
    """Keep a credential for a context, once the gateway has accepted it.

    The secret is read from --token-file, from stdin, or asked for; never from the command line.
    """
    session = session_of(ctx)
    context = _target(session)
    secret = _secret(session, "Virtual key" if key else "Admin token")
    _probe(session, context.url, secret, is_key=key)
    account = f"{context.name}.{'key' if key else 'token'}"
    reference, notice = credentials.store(account, secret, storage)
    changed = replace(
        context,
        token=context.token if key else reference,
        key=reference if key else context.key,
    )
    contexts.save(session.contexts.with_context(changed))
    if notice:
        session.out.warn(notice)
    session.out.note(f"signed in to {context.name}, {context.url}")


@verb(app, "logout", "prismctl auth logout", "prismctl auth logout --context prod")
def logout(ctx: typer.Context) -> None:
    """Remove the credentials that login kept for a context."""
    session = session_of(ctx)
    context = session.named_context
    if context is None:
        raise UsageProblem("there is no context to sign out of", hint="prismctl contexts list")
    for reference in filter(None, (context.token, context.key)):
        if not credentials.forget(reference):
            session.out.note(f"{reference} is not prismctl's own: it stays, only forgotten here")
    bare = replace(context, token=None, key=None)
    contexts.save(session.contexts.with_context(bare))
    session.out.note(f"signed out of {context.name}")


@verb(app, "status", "prismctl auth status", "prismctl auth status -o json")
def status(ctx: typer.Context) -> None:
    """Show where each credential comes from, and whether the gateway accepts it."""
    session = session_of(ctx)
    gateway = session.gateway
    session.out.note(f"{gateway.name}: {gateway.url}")
    token_source = session.flags.token_file or _from_env("PRISMCTL_TOKEN") or gateway.token
    key_source = _from_env("PRISMCTL_API_KEY") or gateway.key
    rows = [
        _checked(session, "admin token", token_source, is_key=False),
        _checked(session, "virtual key", key_source, is_key=True),
    ]
    session.out.list({"object": "list", "data": [*rows]}, _STATUS)
    if any(row["state"] == "error" for row in rows):
        raise CheckFailed("a credential is not accepted", hint="prismctl auth login")


def _target(session: "Session") -> Context:
    """Return the context to sign in to: an existing one, or a new one for ``--url``."""
    url = session.flags.url
    if url is None:
        return session.gateway
    name = contexts.check_name(session.flags.context or session.contexts.current or "default")
    known = session.contexts.by_name.get(name)
    url = contexts.check_url(url)
    return Context(name=name, url=url) if known is None or known.url != url else known


def _secret(session: "Session", what: str) -> str:
    if session.flags.token_file:
        return credentials.read_secret(session.flags.token_file)
    if session.is_asking:
        return ask.secret(what)
    if session.terminal.is_in_tty:
        raise UsageProblem("there is nobody to ask", hint="use --token-file FILE, or stdin")
    return credentials.read_secret("-")


def _probe(session: "Session", url: str, secret: str, *, is_key: bool) -> None:
    """Ask the gateway whether it accepts a credential; raises what it answers if not."""
    session.open(url, secret).request("GET", "/v1/models" if is_key else "/-/capabilities")


def _from_env(name: str) -> str | None:
    return f"env:{name}" if os.environ.get(name, "").strip() else None


def _checked(session: "Session", what: str, source: str | None, *, is_key: bool) -> Object:
    row: Object = {"credential": what, "state": "none", "source": source, "problem": None}
    if source is None:
        return row
    try:
        if source == session.flags.token_file:
            secret = credentials.read_secret(source)
        else:
            secret = credentials.resolve(source)
        _probe(session, session.gateway.url, secret, is_key=is_key)
    except (NotSignedIn, PrismctlError) as error:
        return row | {"state": "error", "problem": error.message}
    return row | {"state": "ok"}
