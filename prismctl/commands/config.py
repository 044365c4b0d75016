"""``prismctl config``: what the gateway runs with, and whether a file would do."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prismctl.commands.config_views import STATE
from prismctl.errors import ConfigProblem, UsageProblem
from prismctl.exits import ExitCode
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Json, as_object, as_text, pick
from prismctl.local.daemon import find_prismd
from prismctl.output import data, human
from prismctl.output.table import Column, View

if TYPE_CHECKING:
    from prismctl.session import Session

app = noun("The gateway's configuration: show it, check a file, read it again.")


_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def _mark(value: Json, look: human.Look) -> str:
    del look
    return f"{_SIGNS[_kind(value)]} {_kind(value)}"


def _mark_tone(value: Json) -> str:
    return {"added": "green", "removed": "red"}.get(_kind(value), "yellow")


def _kind(value: Json) -> str:
    change = as_object(value)
    if change.get("from") is None:
        return "added"
    return "removed" if change.get("to") is None else "changed"


def _setting(value: Json, look: human.Look) -> str:
    """Write a value: for people, of a section only what is set in it."""
    if not look.is_people or not isinstance(value, dict):
        return human.plain(value, look)
    return human.labels({name: item for name, item in value.items() if item not in _UNSET}, look)


_UNSET: tuple[Json, ...] = (None, {}, [])
_SENT = "prism.yaml"
"""How the gateway calls a text that it was sent."""
_CHANGES = View(
    columns=(
        Column("", "", _mark, _mark_tone),
        Column("SETTING", "path"),
        Column("NOW", "from", _setting, is_flexible=True),
        Column("THEN", "to", _setting, is_flexible=True),
    ),
    name="path",
    rows="changes",
    empty="nothing would change",
)
_RELOAD = View(
    columns=(
        Column("STATUS", "status"),
        Column("HASH", "hash", human.short_hash),
        Column("NEEDS RESTART", "needs_restart", human.plain),
    ),
    name="hash",
)


@verb(app, "show", "prismctl config show", "prismctl config show -o json --fields config.providers")
def show(ctx: typer.Context) -> None:
    """Show the configuration in force, without secret values."""
    out = session_of(ctx).out
    answer = session_of(ctx).admin.config()
    out.item(answer, STATE)
    if out.is_for_people:
        out.stream("\n" + data.to_yaml(answer.get("config")))


@verb(
    app,
    "check",
    "prismctl config check prism.yaml",
    "prismctl config check prism.yaml --remote --exit-code",
)
def check(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="prism.yaml, or a directory of such files")
    ],
    *,
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask the gateway, and show what would change there")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --remote: end with 10 if it changes something")
    ] = False,
) -> None:
    """Check a file, here or at the gateway.

    The prismd of this machine looks at it; with --remote the gateway itself does, and what it would
    change there is shown. Nothing is changed. A file that cannot be used ends with exit code 2.
    """
    if remote:
        has_changes = _show_changes(session_of(ctx), file)
        if exit_code and has_changes:
            raise typer.Exit(ExitCode.DIFFERENT)
        return
    if exit_code:
        raise UsageProblem("--exit-code goes with --remote")
    result = subprocess.run(  # noqa: S603 - our own daemon, no shell
        [*find_prismd(), "check", str(file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = [line.removeprefix("prismd: ") for line in result.stderr.splitlines()]
        raise ConfigProblem("\n".join(lines) or f"{file} cannot be used")
    session_of(ctx).out.note(f"{file}: ok")


@verb(app, "diff", "prismctl config diff", "prismctl config diff prism.yaml -o json")
def diff(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A prism.yaml; else the one on the gateway's disk"),
    ] = None,
) -> None:
    """Show what a file would change at the gateway.

    Nothing is changed. Without a file: what `prismctl config reload` would do. Exit code
    10 if there are changes.
    """
    if _show_changes(session_of(ctx), file):
        raise typer.Exit(ExitCode.DIFFERENT)


def _show_changes(session: "Session", file: Path | None) -> bool:
    """Show what a configuration would change; say whether there is anything.

    Raises:
        ConfigProblem: it cannot be used; with JSON the answer is printed all the same.
    """
    answer, out = session.admin.check_config(None if file is None else _text(file)), session.out
    name = "the configuration on the gateway's disk" if file is None else str(file)
    if not answer.get("is_valid"):
        if out.shows("problems"):
            out.list(answer, _CHANGES)
        problems = _strings(answer.get("problems"))
        if file is not None:
            # The gateway knows a text, not its name; an editor finds the place by the name.
            problems = [f"{file}{text.removeprefix(_SENT)}" if text.startswith(_SENT) else text
                        for text in problems]  # fmt: skip
        raise ConfigProblem("\n".join([f"{name} cannot be used there:", *problems]))
    out.list(answer, _CHANGES)
    if answer.get("needs_restart"):
        names = ", ".join(_strings(answer.get("needs_restart")))
        out.warn(f"in force only when prismd is started again: {names}")
    return bool(answer.get("changes"))


def _text(file: Path) -> str:
    if file.is_dir():
        msg = f"{file} is a directory: one file can be sent at a time"
        raise UsageProblem(msg, hint="without --remote the prismd of this machine reads it")
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        msg = f"{file}: {reason}"
        raise UsageProblem(msg) from None


def _strings(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


@verb(app, "reload", "prismctl config reload", "prismctl config reload -o json")
def reload(ctx: typer.Context) -> None:
    """Make the gateway read its configuration again: all of it takes force, or nothing.

    With --dry-run it shows what would change.
    """
    session = session_of(ctx)
    if session.flags.dry_run:
        # The gateway itself can tell.
        _show_changes(session, None)
        session.out.note("nothing was changed; without --dry-run this would take force")
        return
    answer = session.admin.reload()
    session.out.item(answer, _RELOAD)
    if pick(answer, "needs_restart"):
        session.out.warn("some changes take force only when prismd is started again")
    if as_text(answer.get("status")) == "unchanged":
        session.out.note("nothing has changed")
