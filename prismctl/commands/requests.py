"""``prismctl requests``: find calls, and see what happened to one and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands import call_flags, lookup, request_record
from prismctl.commands.keys import find_key
from prismctl.commands.request_code import Sdk
from prismctl.commands.request_views import REQUEST, REQUESTS
from prismctl.commands.since import Since, Until, sent
from prismctl.errors import ApiError, NotThere
from prismctl.exits import ExitCode
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Object, as_objects, as_text, pick
from prismctl.output import safe

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("Calls: find them, see why each went its way, make one again.")

NEWEST = 50
SEARCHED = 1_000
"""Calls among which the beginning of an id is looked for."""
_WHOLE_ID = 40

Request = Annotated[
    str, typer.Argument(metavar="ID", help="From the header x-request-id, or its beginning")
]


@verb(
    app,
    "list",
    "prismctl requests list --status 4xx,5xx --since 1h",
    "prismctl requests ls --key ci --min-latency 2s --limit 500 -o csv > slow.csv",
)
def list_requests(
    ctx: typer.Context,
    *,
    key: call_flags.Key = None,
    org: call_flags.Org = None,
    owner: call_flags.Owner = None,
    model: call_flags.Model = None,
    provider: call_flags.Provider = None,
    status: call_flags.Status = None,
    error: Annotated[
        str | None, typer.Option("--error", help="Only with this error code", metavar="CODE")
    ] = None,
    min_cost: call_flags.MinCost = None,
    min_latency: call_flags.MinLatency = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(help="At most so many, the newest", min=1, metavar="N")
    ] = NEWEST,
) -> None:
    """List calls, newest first.

    It is the newest 50, or as many as --limit says, of those that all the flags describe.
    """
    session = session_of(ctx)
    with session.waiting("looking for calls"):
        filters = call_flags.filters(
            session,
            key=key,
            org=org,
            owner=owner,
            model=model,
            provider=provider,
            status=status,
            error_code=error,
            min_cost=min_cost,
            min_latency=min_latency,
            since=sent("--since", since),
            until=sent("--until", until),
        )
        answer = session.admin.requests(limit=limit, **filters)
    session.out.list(answer, REQUESTS)
    if answer.get("has_more") and session.out.is_drawn:
        session.out.note(f"there are more; see them with --limit {limit * 10}", "dim")


@verb(app, "get", "prismctl requests get req_01J", "prismctl requests get req_01J --bodies")
def get_request(
    ctx: typer.Context,
    request: Request,
    *,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Also what was asked and answered, if it is kept")
    ] = False,
) -> None:
    """Show the record of a call.

    Who asked, each stage, each attempt, each line of the bill; `explain` says it in sentences.
    """
    session = session_of(ctx)
    answer, out = find_request(session, request, has_bodies=bodies), session.out
    out.item(answer, REQUEST)
    if not out.is_for_people:
        return
    kept = request_record.bodies(answer, out) if bodies else ""
    out.write(request_record.parts(answer, out) + kept)
    if bodies and not kept:
        out.note(NOT_KEPT)


@verb(
    app,
    "explain",
    "prismctl requests explain req_01J",
    "prismctl requests explain req_01J -o json",
)
def explain_request(ctx: typer.Context, request: Request) -> None:
    """Say in sentences why a call went as it did.

    Who asked, what let it in or refused it, where it went, where its time went, what it cost, and
    what to do if it failed.
    """
    session = session_of(ctx)
    answer, out = find_request(session, request), session.out
    if not out.is_for_people:
        out.item(answer, REQUEST)
        return
    from prismctl.commands.prose import Prose
    from prismctl.commands.request_story import tell

    prose = Prose(out)
    tell(answer, prose)
    out.write(str(prose))


@verb(
    app,
    "curl",
    "prismctl requests curl req_01J | sh",
    "prismctl requests curl req_01J --sdk python > again.py",
)
def curl_request(
    ctx: typer.Context,
    request: Request,
    *,
    sdk: Annotated[
        Sdk | None, typer.Option("--sdk", help="Code for an SDK instead: python", metavar="NAME")
    ] = None,
) -> None:
    """Print a command that makes a call again.

    Its key is in $PRISMCTL_API_KEY. It sends what was sent, if the gateway keeps bodies; else a
    placeholder for the messages.
    """
    from prismctl.commands import request_code

    session = session_of(ctx)
    call = find_request(session, request, has_bodies=True)
    body, is_kept = request_code.body_of(call)
    url, path = session.gateway.url, request_code.path_of(call)
    is_curl = sdk is None
    code = (
        request_code.as_curl(url + path, body)
        if is_curl
        else request_code.as_python(f"{url}/v1", body)
    )
    if session.out.is_for_people:
        session.out.stream(safe.block(code))
    else:
        session.out.value({"id": call.get("id"), "url": url + path, "body": body, "code": code})
    if not is_kept:
        session.out.note(f"{NOT_KEPT}\nso the messages are a placeholder here.")


@verb(
    app,
    "replay",
    "prismctl requests replay req_01J --model gpt-5-mini",
    "prismctl requests replay req_01J --provider azure --set temperature=0 --yes --exit-code",
)
def replay_request(
    ctx: typer.Context,
    request: Request,
    *,
    model: Annotated[
        str | None, typer.Option(help="With this model instead", metavar="MODEL")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="At this provider only", metavar="ID")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="This key pays, not the call's own", metavar="KEY")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another parameter; repeat for several", metavar="NAME=VALUE"),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 10 if the texts differ")
    ] = False,
) -> None:
    """Make a call again, and show the difference.

    On another model or provider, say. It is a call like any other: limits hold, and it is charged.
    The gateway must have kept what was asked (logging.request_logging.include_bodies).
    """
    from prismctl.commands import replaying
    from prismctl.commands.replay_views import REPLAY, show_replay

    session = session_of(ctx)
    session.flags.timeout = session.flags.timeout or replaying.TIMEOUT_S
    call = find_request(session, request)
    replaying.check_kept(call)
    payer = {"id": call.get("key_id"), "name": call.get("key_name")}
    payer = payer if key is None else find_key(session, key)
    changes: Object = {"model": model, "provider": provider, "key": key and payer.get("id")}
    changes = {name: value for name, value in changes.items() if value is not None}
    changes |= {"set": replaying.settings(set_)} if set_ else {}
    replaying.ask_first(session, call, payer, changes)
    with session.waiting("replaying"):
        answer = session.admin.replay(as_text(call.get("id")), changes)
    if session.out.is_for_people:
        show_replay(session.out, replaying.with_finish(session, answer))
    else:
        session.out.item(answer, REPLAY)
    replaying.check_made(answer)
    if exit_code and not pick(answer, "difference.is_same_text"):
        raise typer.Exit(ExitCode.DIFFERENT)


NOT_KEPT = (
    "what was asked and answered in this call is not kept;\n"
    "from now on it is with logging.request_logging.include_bodies: true in prism.yaml"
)


def find_request(session: "Session", given: str, *, has_bodies: bool = False) -> Object:
    """Return the call that an id or the beginning of an id means.

    Raises:
        UsageProblem: it means more than one.
        NotThere: it means none of the newest calls.
        ApiError: there is no call of this whole id (404).
    """
    try:
        return session.admin.request(given, has_bodies=has_bodies)
    except ApiError as error:
        is_beginning = given.startswith("req_") and len(given) < _WHOLE_ID
        if error.exit_code is not ExitCode.NOT_FOUND or not is_beginning:
            raise
    with session.waiting("looking for the call"):
        rows = as_objects(session.admin.requests(limit=SEARCHED).get("data"))
    found = [id_ for row in rows if (id_ := as_text(row.get("id"))).startswith(given)]
    if not found:
        msg = f"no id of the newest {SEARCHED:,} calls begins with {given!r}"
        raise NotThere(msg, hint="give the whole id, or see: prismctl requests list")
    if len(found) > 1:
        raise lookup.several(given, found, noun="call")
    return session.admin.request(found[0], has_bodies=has_bodies)
