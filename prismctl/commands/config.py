"""``prismctl config``: what the gateway runs with, and whether a file would do."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from prismctl.errors import ConfigProblem
from prismctl.grammar import noun, session_of, verb
from prismctl.jsontext import Json, as_text, pick
from prismctl.local.daemon import find_prismd
from prismctl.output import data, human
from prismctl.output.table import Column, View

app = noun("The gateway's configuration: show it, check a file, read it again.")


def _lines(value: Json, look: human.Look) -> str:
    return "; ".join(human.plain(item, look) for item in value) if isinstance(value, list) else ""


_STATE = View(
    columns=(
        Column("HASH", "hash", human.short_hash),
        Column("SOURCE", "source"),
        Column("LOADED", "loaded_at", human.moment),
        Column("LAST ERROR", "last_error.problems", _lines),
        Column("NEEDS RESTART", "needs_restart", human.plain),
    ),
    name="hash",
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
    out.item(answer, _STATE)
    if out.is_for_people:
        out.stream("\n" + data.to_yaml(answer.get("config")))


@verb(app, "check", "prismctl config check prism.yaml", "prismctl config check prism.yaml --quiet")
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="prism.yaml, or a directory of such files")],
) -> None:
    """Check a file on this machine with the prismd of this machine; nothing is changed."""
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


@verb(app, "reload", "prismctl config reload", "prismctl config reload -o json")
def reload(ctx: typer.Context) -> None:
    """Make the gateway read its configuration again: all of it takes force, or nothing."""
    session = session_of(ctx)
    answer = session.admin.reload()
    session.out.item(answer, _RELOAD)
    if pick(answer, "needs_restart"):
        session.out.warn("some changes take force only when prismd is started again")
    if as_text(answer.get("status")) == "unchanged":
        session.out.note("nothing has changed")
