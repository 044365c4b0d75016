"""``prismctl help``: a command's help, or a topic."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from prismctl import nearest
from prismctl.commands import help_topics
from prismctl.errors import UsageProblem
from prismctl.grammar import session_of, top_verb, verb
from prismctl.output import safe

if TYPE_CHECKING:
    from typer._click.core import Context

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
    if len(names) == 1 and (near := _topic_near(names[0], _commands(here))):
        msg = f"there is no topic {names[0]!r}"
        raise UsageProblem(msg, hint=f"did you mean `prismctl help {near}`?")
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


def _commands(root: "Context") -> list[str]:
    """Return the commands there are, as the root itself lists them: a command knows no other."""
    return root.command.list_commands(root) if isinstance(root.command, TyperGroup) else []


def _topic_near(word: str, commands: list[str]) -> str | None:
    """Return the topic that a word is nearest to, if it is neither a command nor a topic."""
    if word in commands or word in help_topics.TOPICS:
        return None
    near = nearest.name(word, [*commands, *help_topics.TOPICS])
    return near if near in help_topics.TOPICS else None
