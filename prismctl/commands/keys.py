"""``prismctl keys``: virtual keys from their making to their end."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import nearest
from prismctl.commands import amounts, key_flags, lookup, what_if
from prismctl.commands.key_flags import KeyFlags
from prismctl.commands.key_views import KEY, KEYS
from prismctl.errors import ApiError, UsageProblem
from prismctl.exits import ExitCode
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_object, as_objects, as_text
from prismctl.output import human

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Virtual keys: what applications sign in with.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="Name, id, or the beginning of an id")]


@verb(app, "list", "prismctl keys list", "prismctl keys ls --status blocked -o json")
def list_keys(
    ctx: typer.Context,
    *,
    status: Annotated[
        str | None, typer.Option(help="active, blocked or revoked", metavar="STATUS")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner", metavar="NAME")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this name", metavar="NAME")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many", min=1, metavar="N")] = None,
) -> None:
    """List keys, oldest first."""
    session = session_of(ctx)
    answer = session.admin.keys(limit=limit, status=status, owner=owner, name=name)
    session.out.list(answer, KEYS)


@verb(app, "get", "prismctl keys get ci", "prismctl keys get key_01 -o json --fields name,budgets")
def get_key(ctx: typer.Context, key: Key) -> None:
    """Show one key; never its secret."""
    session = session_of(ctx)
    session.out.item(_find(session, key)[0], KEY)


@verb(
    app,
    "create",
    "prismctl keys create ci --models 'gpt-*' --budget 20/month > key.txt",
    "prismctl keys create demo --credits 5 --budget 1/day,soft --expires 30d",
)
def create_key(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it")],
    owner: key_flags.Owner = None,
    org: key_flags.Org = None,
    models: key_flags.Models = None,
    providers: key_flags.Providers = None,
    ips: key_flags.Ips = None,
    tools: key_flags.Tools = None,
    deny_tools: key_flags.DenyTools = None,
    rpm: key_flags.Rpm = None,
    tpm: key_flags.Tpm = None,
    concurrency: key_flags.Concurrency = None,
    budget: key_flags.Budget = None,
    credit: Annotated[
        str | None,
        typer.Option("--credits", help="Prepaid dollars; implies --managed", metavar="USD"),
    ] = None,
    managed: key_flags.Managed = None,
    expires: key_flags.Expires = None,
    tag: key_flags.Tag = None,
) -> None:
    """Make a key. Its secret is shown this once: alone on stdout, so that it can be kept."""
    session = session_of(ctx)
    fields = KeyFlags(
        owner=owner, org=org, models=models, providers=providers, ips=ips, tools=tools,
        deny_tools=deny_tools, rpm=rpm, tpm=tpm, concurrency=concurrency, budget=budget,
        managed=managed, expires=expires, tag=tag,
    ).fields()  # fmt: skip
    if credit is not None:
        if managed is False:
            msg = "--credits is for prepaid keys: it does not go with --byok"
            raise UsageProblem(msg)
        fields |= {"credits": amounts.dollars(credit), "key_type": "managed"}
    _show_new(session, session.admin.create_key({"name": name, **fields}))


@verb(
    app,
    "update",
    "prismctl keys update ci --rpm 120 --tag team=search",
    "prismctl keys update ci --clear models --clear expires",
)
def update_key(
    ctx: typer.Context,
    *,
    key: Key,
    name: Annotated[str | None, typer.Option(help="Call it so", metavar="NAME")] = None,
    owner: key_flags.Owner = None,
    org: key_flags.Org = None,
    models: key_flags.Models = None,
    providers: key_flags.Providers = None,
    ips: key_flags.Ips = None,
    tools: key_flags.Tools = None,
    deny_tools: key_flags.DenyTools = None,
    rpm: key_flags.Rpm = None,
    tpm: key_flags.Tpm = None,
    concurrency: key_flags.Concurrency = None,
    budget: key_flags.Budget = None,
    managed: key_flags.Managed = None,
    expires: key_flags.Expires = None,
    tag: key_flags.Tag = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help=f"Remove the limit: {', '.join(key_flags.CLEARABLE)}", metavar="FIELD"),
    ] = None,
) -> None:
    """Change a key: only what is named. Lists are replaced, tags are added.

    It is changed only if nobody else changed it since it was read (exit code 5).
    """
    session = session_of(ctx)
    changes = KeyFlags(
        owner=owner, org=org, models=models, providers=providers, ips=ips, tools=tools,
        deny_tools=deny_tools, rpm=rpm, tpm=tpm, concurrency=concurrency, budget=budget,
        managed=managed, expires=expires, tag=tag,
    ).fields()  # fmt: skip
    if name is not None:
        changes["name"] = name
    cleared = _cleared(clear or [])
    if both := cleared.keys() & changes.keys() - {"metadata"}:
        msg = f"{', '.join(sorted(both))}: set and cleared at the same time"
        raise UsageProblem(msg)
    if not changes and not cleared:
        raise UsageProblem("there is nothing to change", hint="see: prismctl keys update --help")
    current, etag = _find(session, key)
    if "metadata" in changes:
        kept = {} if "metadata" in cleared else as_object(current.get("metadata"))
        changes["metadata"] = kept | as_object(changes["metadata"])
    _changed(session, current, cleared | changes, etag, "updated")


@verb(app, "block", "prismctl keys block ci", "prismctl keys block key_01J --quiet")
def block_key(ctx: typer.Context, key: Key) -> None:
    """Refuse calls with a key until it is unblocked."""
    session = session_of(ctx)
    current, etag = _find(session, key)
    _changed(session, current, {"status": "blocked"}, etag, "blocked")


@verb(app, "unblock", "prismctl keys unblock ci", "prismctl keys unblock key_01J --quiet")
def unblock_key(ctx: typer.Context, key: Key) -> None:
    """Accept calls with a blocked key again."""
    session = session_of(ctx)
    current, etag = _find(session, key)
    _changed(session, current, {"status": "active"}, etag, "active again")


@verb(
    app,
    "check",
    "prismctl keys check ci --model gpt-5",
    "prismctl keys check key_01J -m smart --ip 10.0.0.7 --tokens 5000 --tool search",
)
def check_key(
    ctx: typer.Context,
    *,
    key: Key,
    model: what_if.Model,
    ip: what_if.Ip = None,
    tokens: what_if.Tokens = None,
    max_tokens: what_if.MaxTokens = None,
    tool: what_if.Tool = None,
    stream: what_if.Stream = False,
    tag: what_if.Tag = None,
) -> None:
    """Say whether a call would be let in now.

    And which rule decides, where it would go, what it would cost; nothing is sent. Exit code 0 if
    it would be let in, else that of the refusal; the answer is printed all the same.
    """
    session = session_of(ctx)
    found = find_key(session, key)
    body = what_if.described(
        model, as_text(found.get("id")), ip=ip, tokens=tokens, max_tokens=max_tokens, tools=tool,
        stream=stream, tags=tag,
    )  # fmt: skip
    what_if.explain(session, body, who=f"key {as_text(found.get('name'))}")


@verb(app, "revoke", "prismctl keys revoke ci", "prismctl keys rm key_01J --yes")
def revoke_key(ctx: typer.Context, key: Key) -> None:
    """Refuse calls with a key for ever. It cannot be taken back."""
    session = session_of(ctx)
    current, _ = _find(session, key)
    question = f"Revoke {_named(current)} for ever"
    session.confirm(question, *_what_ends(current, session.out.look))
    answer = session.admin.revoke_key(as_text(current.get("id")))
    _show_changed(session, answer, "revoked")


def _what_ends(key: Object, look: human.Look) -> list[str]:
    """Say who would be cut off, and what stays."""
    people = replace(look, is_people=True)
    used = human.when(key.get("last_used_at"), people)
    facts = [f"last used {used}" if used else "never used"]
    for name, text in (("owner", "owner {}"), ("org_id", "org {}")):
        if value := as_text(key.get(name)):
            facts.append(text.format(value))
    if budgets := len(as_objects(key.get("budgets"))):
        facts.append(f"{budgets} {'budget' if budgets == 1 else 'budgets'}")
    left = key.get("credit_balance_nano_usd")
    stays = "usage and ledger keep every call"
    if isinstance(left, int) and left > 0:
        stays = f"{human.dollars(key.get('credit_balance'), people)} of its credits stay unspent"
    return [", ".join(facts), stays]


def find_key(session: "Session", given: str) -> Object:
    """Return the key that a name, an id or the beginning of an id means.

    Raises:
        UsageProblem: it means more than one.
        ApiError: it means none (404).
    """
    return _find(session, given)[0]


def key_names(session: "Session") -> dict[str, str]:
    """Return the name of every key, by its id."""
    rows = as_objects(session.admin.keys().get("data"))
    return {as_text(row.get("id")): as_text(row.get("name")) for row in rows}


def _find(session: "Session", given: str) -> tuple[Object, str]:
    if given.startswith("key_"):
        try:
            return session.admin.key(given)
        except ApiError as error:
            if error.exit_code is not ExitCode.NOT_FOUND:
                raise
    found = _candidates(session, given)
    if len(found) > 1:
        raise lookup.several(given, [as_text(row.get("id")) for row in found], noun="key")
    try:
        # Read by id even when the list showed it: the ETag comes with it. None: a 404 that says so.
        return session.admin.key(as_text(found[0].get("id")) if found else given)
    except ApiError as error:
        if error.exit_code is ExitCode.NOT_FOUND:
            names = key_names(session)
            error.hint = nearest.hint(
                given, [*names.values(), *names], otherwise="see what there is: prismctl keys list"
            )
        raise


def _candidates(session: "Session", given: str) -> list[Object]:
    named = as_objects(session.admin.keys(name=given).get("data"))
    if named:
        return [row for row in named if row.get("status") != "revoked"] or named
    if not given.startswith("key_"):
        return []
    everything = as_objects(session.admin.keys().get("data"))
    return [row for row in everything if as_text(row.get("id")).startswith(given)]


def _cleared(flags: list[str]) -> Object:
    cleared: Object = {}
    for flag in flags:
        field = key_flags.CLEARABLE.get(flag.removeprefix("--"))
        if field is None:
            known = key_flags.CLEARABLE
            msg = f"--clear does not know {flag!r}"
            hint = nearest.hint(flag, known, otherwise=nearest.one_of(known))
            raise UsageProblem(msg, hint=hint)
        cleared[field] = None
    return cleared


def _changed(session: "Session", current: Object, changes: Object, etag: str, what: str) -> None:
    answer = session.admin.update_key(as_text(current.get("id")), changes, etag=etag)
    _show_changed(session, answer, what)


def _show_changed(session: "Session", answer: Object, what: str) -> None:
    if session.out.is_for_people:
        session.out.note(f"{_named(answer)}: {what}")
    else:
        session.out.item(answer, KEY)


def _named(key: Object) -> str:
    return f"key {as_text(key.get('name'))!r} ({as_text(key.get('id'))})"


def _show_new(session: "Session", answer: Object) -> None:
    out, secret = session.out, as_text(answer.get("key"))
    if not out.is_for_people:
        out.item(answer, KEY)
        if not out.shows("key"):
            # Whatever was asked for: a secret that nobody has seen is a key that nobody can use.
            out.warn(f"the secret is not in this output; it is shown this once: {secret}")
        return
    terminal = out.terminal
    if not terminal.is_out_tty:
        out.stream(f"{secret}\n")
        out.note(f"{_named(answer)}: created; its secret is on stdout, and nowhere else")
        return
    out.note(f"{_named(answer)}: created\n\nIts secret, shown this once:\n")
    out.stream(f"  {terminal.paint_out(secret, 'green', 'bold')}\n")
    out.note("\nUse it as the API key of any OpenAI client, or try: prismctl chat hello")
