"""``prismctl dashboard``: the gateway on one screen. Textual is imported when it is started."""

import os
from pathlib import Path
from typing import Annotated

import typer

from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb

app = top_verb()

THEMES = ("dark", "light", "ansi")


@verb(
    app,
    "dashboard",
    "prismctl dashboard",
    "prismctl dashboard --write --screen keys",
)
def dashboard(
    ctx: typer.Context,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Allow changes; without it nothing can be changed")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(help="Play what was recorded, instead of a gateway", metavar="FILE"),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write what is seen, for --replay", metavar="FILE")
    ] = None,
    screen: Annotated[str, typer.Option(help="The first screen", metavar="NAME")] = "overview",
    theme: Annotated[
        str | None, typer.Option(help=f"Colours: {', '.join(THEMES)}", metavar="NAME")
    ] = None,
) -> None:
    """Watch the gateway on one screen: traffic, providers, keys, money.

    It follows the event feed, and reads counters where there is none. In it, ? shows the keys, and
    y copies the command that shows the same. --theme ansi takes the terminal's own colours.
    """
    session = session_of(ctx)
    terminal = session.terminal
    # Textual draws on stderr.
    is_whole = terminal.is_in_tty and terminal.is_out_tty and terminal.is_err_tty
    if not is_whole or os.environ.get("TERM", "dumb") == "dumb":
        raise UsageProblem(
            "the dashboard needs a terminal",
            hint="line by line instead: prismctl tail, prismctl status --watch",
        )
    if theme is not None and theme not in THEMES:
        msg = f"there is no theme {theme!r}"
        raise UsageProblem(msg, hint=f"there are: {', '.join(THEMES)}")
    if replay is not None and record is not None:
        raise UsageProblem("--record does not go with --replay: it is recorded already")
    if write and replay is None and session.protection is not None:
        # Here, because nobody can be asked once the screen is the dashboard's.
        what = f"the dashboard may change the gateway of {session.protection}"
        session.guard.allow(session.protection, what)
    _prepare(is_colored=terminal.is_out_colored)
    from prismctl.tui import door

    colours = theme or "dark"
    if replay is not None:
        shown = door.played(session, replay, screen=screen, theme=colours)
    else:
        shown = door.watched(session, is_writing=write, record=record, screen=screen, theme=colours)
    shown.run()
    if shown.return_code:
        raise typer.Exit(shown.return_code)


def _prepare(*, is_colored: bool) -> None:
    """Say to Textual, which reads the environment when it is imported, what it should do."""
    if not is_colored:
        os.environ["NO_COLOR"] = "1"
    if "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ:
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
