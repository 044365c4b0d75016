"""``prismctl completion``: the script that makes a shell complete prismctl's commands."""

import os
from pathlib import PurePath
from typing import Annotated

import typer

from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb

app = top_verb()

SHELLS = ("bash", "zsh", "fish")


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
    # Typer's own scripts; it does not export the function under a public name.
    from typer._completion_shared import get_completion_script

    name = shell or PurePath(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        msg = f"there is no completion for {name!r}"
        raise UsageProblem(msg, hint=f"name one of {', '.join(SHELLS)}")
    script = get_completion_script(
        prog_name="prismctl", complete_var="_PRISMCTL_COMPLETE", shell=name
    )
    session_of(ctx).out.stream(f"{script}\n")
