"""The manual pages of prismctl, from its commands: one for the program, one for each of them."""

import re
from collections.abc import Iterator
from itertools import groupby

import typer
from typer._click.core import Command, Context, Parameter
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from prismctl import __version__
from prismctl.cli import load, root
from prismctl.commands import help_topics
from prismctl.exits import ExitCode
from prismctl.main import COMMANDS
from prismctl.params import global_params
from tests.generate import DATE
from tests.generate.roff import Page, bold, italic

SOURCE = f"prismctl {__version__}"
RELATED = {
    "config": [("prism.yaml", 5)],
    "up": [("prismd", 8), ("prism.yaml", 5)],
    "completion": [],
}


def pages() -> Iterator[Page]:
    """Return every page of the program."""
    yield _program()
    for name in COMMANDS:
        yield _command(name)


def _program() -> Page:
    page = Page("prismctl", 1, SOURCE, DATE, "operate a Prism gateway")
    page.heading("synopsis")
    page.synopsis([f"{bold('prismctl')} [{italic('flags')}] {italic('command')} \\[u2026]"])
    page.heading("description")
    page.text(
        "`prismctl` is the operator's side of `prismd`, a gateway between applications and LLM "
        "providers. It starts one on this machine (`prismctl up`), or works with any other over "
        "its admin API.",
        "Data goes to standard output and everything else to standard error. Each command has a "
        "page of its own, and tells the same with `--help`.",
    )
    page.heading("commands")
    for group in dict.fromkeys(entry.group for entry in COMMANDS.values()):
        page.subheading(group)
        page.terms(
            (f"{bold(f'prismctl-{name}')}(1)", entry.help)
            for name, entry in COMMANDS.items()
            if entry.group == group
        )
    page.heading("options")
    page.text("These are accepted before and behind every command.")
    page.terms(_terms(global_params(), _context(get_command(root), None)))
    page.heading("output")
    _topic(page, "formatting")
    page.heading("exit status")
    page.terms((bold(str(int(code))), code.__doc__ or "") for code in ExitCode)
    page.heading("environment")
    _topic(page, "environment")
    page.heading("files")
    _topic(page, "config")
    page.heading("examples")
    page.examples(
        ["prismctl up", "prismctl keys create ci --budget 20/month > key.txt"],
    )
    page.see([("prismd", 8), ("prism.yaml", 5), *((f"prismctl-{name}", 1) for name in COMMANDS)])
    return page


def _command(name: str) -> Page:
    command = load(name)
    assert command is not None
    about = COMMANDS[name].help
    page = Page(f"prismctl-{name}", 1, SOURCE, DATE, about[:1].lower() + about[1:])
    context = _context(command, _context(get_command(root), None, "prismctl"), name)
    verbs = list(_verbs(command, context))
    page.heading("synopsis")
    page.synopsis(_usage(verb) for verb in verbs)
    page.heading("description")
    if isinstance(command, TyperGroup):
        page.text(command.help or about)
        page.heading("commands")
        for verb in verbs:
            page.subheading(verb.command_path)
            _details(page, verb)
    else:
        _details(page, verbs[0])
    page.heading("options")
    page.text("Beside those above, each command takes the global options of `prismctl`(1).")
    page.heading("exit status")
    page.text("0 when all is done; see `prismctl`(1) for the others.")
    page.heading("examples")
    for verb in verbs:
        page.examples((verb.command.epilog or "").splitlines())
    page.see([("prismctl", 1), *RELATED.get(name, [])])
    return page


def _context(command: Command, parent: Context | None, name: str | None = None) -> Context:
    return typer.Context(command, info_name=name, parent=parent)


def _verbs(command: Command, context: Context) -> Iterator[Context]:
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _verbs(found, _context(found, context, name))
    else:
        yield context


def _usage(verb: Context) -> str:
    words = [bold(verb.command_path)]
    own = _own(verb)
    if any(isinstance(param, TyperOption) for param in own):
        words.append(f"[{italic('options')}]")
    for param in own:
        if not isinstance(param, TyperOption):
            place = italic(_place(param))
            is_whole = param.required or _place(param).startswith("[")
            words.append(place if is_whole else f"[{place}]")
    return " ".join(words)


def _details(page: Page, verb: Context) -> None:
    page.text(*(verb.command.help or "").split("\n\n"))
    page.terms(_terms(_own(verb), verb))


def _own(verb: Context) -> list[Parameter]:
    shared = set(map(id, global_params()))
    return [
        param
        for param in verb.command.get_params(verb)
        if id(param) not in shared and param.name != "help" and param.get_help_record(verb)
    ]


def _terms(
    params: "list[Parameter] | tuple[Parameter, ...]", context: Context
) -> Iterator[tuple[str, str]]:
    for param in params:
        record = param.get_help_record(context)
        assert record is not None
        meaning = record[1].replace("[required]", "").strip()
        if not isinstance(param, TyperOption):
            yield italic(_place(param)), meaning
            continue
        words = ", ".join(bold(word) for word in [*param.opts, *param.secondary_opts])
        yield words if param.is_flag else f"{words} {italic(_place(param))}", meaning


def _place(param: Parameter) -> str:
    return getattr(param, "metavar", None) or (param.name or "").upper()


def _topic(page: Page, name: str) -> None:
    """Take over a help topic: paragraphs, and indented rows of a word and what it means.

    A line that is indented further goes on with the row above it.
    """
    topic = re.sub(r"\n {6,}(?=\S)", " ", help_topics.TOPICS[name]().strip())
    for part in topic.split("\n\n"):
        for is_row, lines in groupby(part.splitlines(), lambda line: line.startswith("  ")):
            if is_row:
                rows = (re.match(r"(.*?)(?: {2,}(.*))?$", line.strip()) for line in lines)
                page.terms((bold(row[1]), row[2] or "") for row in rows if row)
            else:
                page.text(" ".join(lines))
