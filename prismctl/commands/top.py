"""``prismctl top``: who is busy now, and what it costs; a few lines that are drawn again."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismctl import nearest, spans
from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.output.render import Format

if TYPE_CHECKING:
    from prismctl.session import Session

app = top_verb()

FROM_TICKS = ("model", "provider")
"""What the feed counts by; the others are asked of the usage report."""
GROUPS = (*FROM_TICKS, "key", "org", "owner")
SORTS = ("calls", "errors", "cost", "tokens", "latency", "name")
_LEAST_S = 0.2
_LIVE_FORMATS = (Format.TABLE, Format.WIDE, Format.JSON, Format.JSONL)


@verb(
    app,
    "top",
    "prismctl top --by key --sort cost",
    "prismctl top --by org --window 10m --once -o json",
)
def top(
    ctx: typer.Context,
    *,
    by: Annotated[
        str, typer.Option(help=f"What to sum by: {', '.join(GROUPS)}", metavar="WHAT")
    ] = "model",
    sort: Annotated[
        str, typer.Option(help=f"Most of it first: {', '.join(SORTS)}", metavar="WHAT")
    ] = "calls",
    window: Annotated[
        str, typer.Option(help="Rates are those of the last 30s, 1m, 10m …", metavar="TIME")
    ] = "1m",
    interval: Annotated[
        str, typer.Option(help="How often it is drawn again", metavar="TIME")
    ] = "2s",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", help="At most so many rows", min=1, metavar="N")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end")] = False,
) -> None:
    """Show what is going on: calls, errors, tokens and dollars of the last minute.

    By model and provider it is counted in the event feed from when top was started, to the
    last call, with latencies. By key, org and owner, and with --once, it is summed from the
    usage of the window. In a pipe every refresh is a line of JSON. Ctrl-C ends it.
    """
    from prismctl.commands.topping import Asked, Topping

    session = session_of(ctx)
    _one_of("--by", by, GROUPS)
    _one_of("--sort", sort, SORTS)
    is_from_ticks = by in FROM_TICKS and not once
    if sort == "latency" and not is_from_ticks:
        raise UsageProblem(
            "latency is only known from the event feed: by model or provider, without --once",
            hint="prismctl top --by provider --sort latency",
        )
    if not once:
        _check_live(session)
    interval_s = max(_LEAST_S, spans.seconds("--interval", interval))
    asked = Asked(by, sort, spans.seconds("--window", window), interval_s, limit)
    topping = Topping(session, asked)
    if once:
        topping.once()
    elif is_from_ticks:
        topping.follow()
    else:
        topping.poll()


def _one_of(flag: str, given: str, known: tuple[str, ...]) -> None:
    if given in known:
        return
    msg = f"{flag} does not know {given!r}"
    raise UsageProblem(msg, hint=nearest.hint(given, known, otherwise=nearest.one_of(known)))


def _check_live(session: "Session") -> None:
    form = session.flags.output
    if form not in _LIVE_FORMATS or session.flags.fields:
        what = "--fields" if form in _LIVE_FORMATS else f"-o {form}"
        msg = f"{what} goes with --once"
        raise UsageProblem(msg, hint="a refresh in a pipe is a line of JSON")
    if form in (Format.JSON, Format.JSONL) or session.flags.jq or not session.terminal.is_out_tty:
        session.flags.output = Format.JSONL
