"""``prismctl completion``: the script that makes a shell complete prismctl's commands."""

import os
from pathlib import PurePath
from typing import Annotated

import typer

from prismctl.commands.completion_scripts import SCRIPTS
from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb

app = top_verb()

SHELLS = tuple(SCRIPTS)


@verb(
    app,
    "completion",
    "prismctl completion bash > ~/.local/share/bash-completion/completions/prismctl",
    "prismctl completion fish > ~/.config/fish/completions/prismctl.fish",
)
def completion(
    ctx: typer.Context,
    shell: Annotated[
        str | None, typer.Argument(help=f"{', '.join(SHELLS)}; without: the shell you are in")
    ] = None,
) -> None:
    """Print the completion script of a shell."""
    name = shell or PurePath(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        msg = f"there is no completion for {name!r}"
        raise UsageProblem(msg, hint=f"name one of {', '.join(SHELLS)}")
    session_of(ctx).out.stream(SCRIPTS[name])
