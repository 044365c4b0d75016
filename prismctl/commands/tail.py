"""``prismctl tail``: calls as they end, one line each, for as long as somebody looks."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import spans
from prismctl.commands import amounts
from prismctl.commands.keys import find_key
from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.jsontext import as_text
from prismctl.output.human import plain
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
    key: Annotated[
        str | None, typer.Option(help="Only of this key: name, id or its beginning", metavar="KEY")
    ] = None,
    org: Annotated[str | None, typer.Option(help="Only of this org", metavar="ID")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner", metavar="NAME")] = None,
    model: Annotated[
        str | None, typer.Option(help="Only of this model; gpt-* matches", metavar="MODEL")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Only of this provider", metavar="ID")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="Only of these: 429, 4xx, 5xx …", metavar="LIST")
    ] = None,
    min_cost: Annotated[
        str | None, typer.Option(help="Only what costs as much, in dollars", metavar="USD")
    ] = None,
    min_latency: Annotated[
        str | None, typer.Option(help="Only what takes as long: 500ms, 2s", metavar="TIME")
    ] = None,
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
    filters = {
        "key": key and as_text(find_key(session, key).get("id")),
        "org": org,
        "owner": owner,
        "model": model,
        "provider": provider,
        "status": status,
        "min_cost": min_cost and plain(amounts.dollars(min_cost), session.out.look),
        "min_latency": min_latency
        and f"{spans.seconds('--min-latency', min_latency, unit='ms') * 1000:g}",
    }
    ways = {"sample": sample, "bodies": "true" if bodies else None}
    asked = Asked(_given(filters), _given(ways), _topics(topics), start, limit)
    Following(session, asked).run()


def _given(flags: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in flags.items() if value is not None}


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
