"""``prismctl help``: a command's help, or a topic."""

from typing import Annotated

import typer
from typer.core import TyperGroup

from prismctl.commands import help_topics
from prismctl.grammar import session_of, top_verb, verb
from prismctl.output import safe

app = top_verb()


@verb(app, "help", "prismctl help keys create", "prismctl help exit-codes")
def help_on(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND… | TOPIC]", help="What to explain")
    ] = None,
) -> None:
    """Explain a command, or a topic: environment, formatting, exit-codes, config."""
    out = session_of(ctx).out
    here, names = ctx.find_root(), list(words or [])
    if len(names) == 1 and names[0] in help_topics.TOPICS:
        out.write(help_topics.TOPICS[names[0]]())
        return
    for name in names:
        command = here.command
        if not isinstance(command, TyperGroup):
            break
        _, found, _ = command.resolve_command(here, [name])
        if found is None:
            break
        here = typer.Context(found, info_name=name, parent=here, obj=ctx.obj)
    out.write(safe.block(here.get_help()) + "\n")
