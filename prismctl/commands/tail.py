"""``prismctl tail``: calls as they end, one line each, for as long as somebody looks."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import spans
from prismctl.commands import call_flags
from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.output.render import Format

if TYPE_CHECKING:
    from prismctl.session import Session

app = top_verb()

TOPICS = ("call", "guard")
_FORMS = {"line": Format.TABLE, "table": Format.TABLE} | {
    "json": Format.JSONL,
    "jsonl": Format.JSONL,
}


@verb(
    app,
    "tail",
    "prismctl tail --status 4xx,5xx --since 10m",
    "prismctl tail --key ci --min-cost 0.05 -o json > calls.jsonl",
)
def tail(
    ctx: typer.Context,
    *,
    key: call_flags.Key = None,
    org: call_flags.Org = None,
    owner: call_flags.Owner = None,
    model: call_flags.Model = None,
    provider: call_flags.Provider = None,
    status: call_flags.Status = None,
    min_cost: call_flags.MinCost = None,
    min_latency: call_flags.MinLatency = None,
    since: Annotated[
        str | None,
        typer.Option(help="First what there was: 10m, 24h, or a time", metavar="TIME"),
    ] = None,
    topics: Annotated[
        str | None,
        typer.Option(
            help="call, guard, provider, key, budget, config, job, node, log, ledger, tick; or all",
            metavar="LIST",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(help="At most so many calls a second, or all; 50 unless said", metavar="N"),
    ] = None,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Show what was asked and answered, where it is kept")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", help="End after so many", min=1, metavar="N")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="line or json", metavar="FORMAT")
    ] = None,
) -> None:
    """Follow calls as they end; Ctrl-C ends it. Times are UTC.

    A call that a rule refused is shown with the rule. When the gateway is restarted, tail waits
    for it and shows what came meanwhile. With -o json each event is a line as the feed sends it:
    `prismctl dashboard --replay FILE` plays such a file, best one of --topics all.
    """
    from prismctl.commands.following import Asked, Following

    session = session_of(ctx)
    _choose_form(session, output)
    start = None if since is None else spans.moment("--since", since)
    filters = call_flags.filters(
        session,
        key=key,
        org=org,
        owner=owner,
        model=model,
        provider=provider,
        status=status,
        min_cost=min_cost,
        min_latency=min_latency,
    )
    ways = {} if sample is None else {"sample": sample}
    ways |= {"bodies": "true"} if bodies else {}
    asked = Asked(filters, ways, _topics(topics), start, limit)
    Following(session, asked).run()


def _choose_form(session: "Session", given: str | None) -> None:
    """Put ``-o``, which means something of its own here, in the place of the global one."""
    chosen = given or session.flags.output
    if chosen not in _FORMS:
        msg = f"tail writes lines: there is no {str(chosen)!r} of them"
        raise UsageProblem(msg, hint="-o line or -o json")
    session.flags.output = Format.JSONL if session.flags.jq else _FORMS[chosen]
    if session.flags.fields and session.flags.output is not Format.JSONL:
        raise UsageProblem("--fields goes with -o json here")


def _topics(text: str | None) -> tuple[str, ...]:
    if text is None:
        return TOPICS
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return () if names == ("all",) else names
