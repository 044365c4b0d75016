"""The answer to a TAB: a line with its kind, then a line for each word that would fit.

The kind is ``words``, ``file`` or ``dir``; the last two leave the names to the shell. A word is
followed by a tab and what it means. Nothing is ever evaluated by a shell, only put on the line:
bash, which would run what it is given, gets it escaped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from typer._click.shell_completion import _resolve_context, _resolve_incomplete, split_arg_string
from typer.core import TyperArgument, TyperOption

from prismctl.complete import offers
from prismctl.complete.offers import Item, Kind
from prismctl.output import safe
from prismctl.session import Session

if TYPE_CHECKING:
    from typer._click.core import Command, Context

LINE = "_PRISMCTL_LINE"
"""The command line up to the cursor."""
BREAKS = "_PRISMCTL_BREAKS"
"""Where bash breaks words: it wants the rest behind the last of these."""

_END = "\0"
_BASH_SPECIAL = re.compile(r"[^\w@%+=:,./-]")


def answer(root: "Command", session: Session, shell: str, env: Mapping[str, str]) -> str:
    """Return what the shell is told; nothing at all if anything is wrong."""
    *words, last = split_arg_string(env.get(LINE, "") + _END)
    typed = last.removesuffix(_END)
    kind, items = _offer(root, session, words[1:], typed)
    shown = sorted(
        (item for item in items if item.value.startswith(typed) and _is_harmless(item.value)),
        key=lambda item: item.rank,
    )
    if shell == "bash":
        lines: Iterable[str] = _for_bash(shown, typed, env)
    else:
        lines = (f"{item.value}\t{safe.line(item.about)}" for item in shown)
    return "\n".join((kind, *lines, ""))


def _offer(
    root: "Command", session: Session, args: Sequence[str], typed: str
) -> tuple[Kind, list[Item]]:
    """Find what is being typed, and what it could be; the words are whole, with what is typed."""
    before = [*args]
    context = _resolve_context(root, {"obj": session}, "prismctl", [*args])
    found, rest = _resolve_incomplete(context, before, typed)
    if not isinstance(found, TyperArgument | TyperOption):
        names = found.shell_complete(context, rest)
        return "words", [Item(str(item.value), item.help or "") for item in names]
    head, comma, rest = rest.rpartition(",")
    kind, items = offers.offer(found, _path(context), session, rest)
    done = set(head.split(","))
    front = typed.removesuffix(rest)
    left = (item for item in items if not comma or item.value not in done)
    return kind, [item._replace(value=f"{front}{item.value}") for item in left]


def _path(context: "Context") -> list[str]:
    """Return the words of the command, without the program's name."""
    return context.command_path.split(" ")[1:]


def _is_harmless(value: str) -> bool:
    # A backslash means something else to each shell; what cannot be printed could hide anything.
    return value.isprintable() and "\\" not in value and safe.is_clean(value)


def _for_bash(items: Iterable[Item], typed: str, env: Mapping[str, str]) -> list[str]:
    word = env.get(LINE, "").rpartition(" ")[2]
    is_quoted = word[:1] in ('"', "'")
    if is_quoted:
        return [one.value for one in items if not _BASH_SPECIAL.search(one.value)]
    # Blanks and the like are breaks as well, but those in a word are escaped and break nothing.
    breaking = [mark for mark in ":=@" if mark in env.get(BREAKS, "")]
    start = max((typed.rfind(mark) for mark in breaking), default=-1) + 1
    return [_BASH_SPECIAL.sub(r"\\\g<0>", one.value[start:]) for one in items]
