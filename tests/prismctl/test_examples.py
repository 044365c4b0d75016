"""Every help ends with two examples or more, and each is a command line that is understood."""

import shlex
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from prismctl.cli import load, root
from prismctl.main import COMMANDS
from prismctl.session import Session

SHELL = frozenset("|><;&")


def examples() -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        command = load(name)
        assert command is not None
        verbs = command.commands.items() if isinstance(command, TyperGroup) else [("", command)]
        for verb, found in verbs:
            path = f"{name} {verb}".strip()
            lines = (found.epilog or "").splitlines()
            assert len(lines) >= 2, path
            assert len(set(lines)) == len(lines), path
            yield from ((path, line) for line in lines)


def words_of(example: str) -> list[str]:
    """Return what prismctl is given, without what the shell does around it."""
    lexer = shlex.shlex(example, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    is_ours = False
    for word in lexer:
        if SHELL.issuperset(word):
            if is_ours and words:
                break
            is_ours = False
        elif is_ours:
            words.append(word)
        elif word == "prismctl":
            is_ours = True
    return words


@pytest.mark.parametrize(("path", "example"), [*examples()])
def test_an_example_is_understood(path: str, example: str) -> None:
    words = words_of(example)
    command = get_command(root)
    context = command.make_context("prismctl", list(words), obj=Session())
    names: list[str] = []
    while isinstance(command, TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        assert name is not None
        names.append(found.name or name)
        command = found
        context = command.make_context(name, rest, parent=context)
    assert " ".join(names) == path
