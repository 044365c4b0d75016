"""The root command: finds commands in the table of ``main``, and turns failures into exit codes."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from prismctl import __version__, nearest
from prismctl.errors import PrismctlError, UsageProblem
from prismctl.exits import ExitCode
from prismctl.grammar import Noun, session_of
from prismctl.guard import DryRun
from prismctl.main import COMMANDS
from prismctl.output import data, safe
from prismctl.params import global_params
from prismctl.session import Session

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter
    from typer._click.formatting import HelpFormatter
    from typer._click.shell_completion import CompletionItem


_ELSEWHERE = {
    "start": "up", "serve": "up", "login": "auth login", "logout": "auth logout",
    "logs": "tail", "log": "tail", "events": "tail", "watch": "tail", "ui": "dashboard",
    "tui": "dashboard", "health": "status", "info": "status", "why": "requests explain",
    "explain": "requests explain", "cost": "usage report", "costs": "usage report",
    "spend": "usage report", "calls": "requests list",
}  # fmt: skip
"""What other tools call it, and people type."""


class Root(Noun):
    """``prismctl``: commands are imported one at a time, their summaries come from the table."""

    def list_commands(self, ctx: "Context") -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Import a command."""
        del ctx
        return load(cmd_name)

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        """Return the root's flags, which are the global ones."""
        return [*super().get_params(ctx), *global_params()]

    def check_exists(self, ctx: "Context", name: str) -> None:
        """Refuse a command that is not there, without importing one that is."""
        if meant := _ELSEWHERE.get(name):
            msg = f"there is no command `prismctl {name}`"
            raise UsageProblem(msg, hint=f"did you mean `prismctl {meant}`?")
        if name not in COMMANDS:
            super().check_exists(ctx, name)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the commands by group."""
        del ctx
        formatter.write(f"\n{_table_of_commands()}")

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write where to go from here."""
        del ctx
        formatter.write(
            f"\n{_TOPICS}\n\n"
            "Examples:\n  prismctl up\n  prismctl keys create ci --budget 20/month > key.txt\n"
        )

    def shell_complete(self, ctx: "Context", incomplete: str) -> "list[CompletionItem]":
        """Complete commands and flags without importing any command."""
        from typer._click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        if names and not incomplete.startswith("-"):
            return [CompletionItem(name, help=COMMANDS[name].help) for name in names]
        return super().shell_complete(ctx, incomplete)


def load(name: str) -> "Command | None":
    """Import a command of the table."""
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    module, _, attribute = entry.target.partition(":")
    app: typer.Typer = getattr(importlib.import_module(module), attribute)
    command = get_command(app)
    command.name = name
    return command


_TOPICS = "Topics: prismctl help environment | formatting | exit-codes | config"


def _table_of_commands() -> str:
    width = max(map(len, COMMANDS)) + 4
    lines: list[str] = []
    for group in dict.fromkeys(entry.group for entry in COMMANDS.values()):
        lines.append(f"{group}:")
        lines += [
            f"  {name:<{width}}{entry.help}"
            for name, entry in COMMANDS.items()
            if entry.group == group
        ]
        lines.append("")
    return "\n".join(lines)


root = typer.Typer(
    cls=Root,
    help="Operate a Prism gateway.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)


@root.callback()
def overview(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version")] = False,
) -> None:
    """Show the commands and the current gateway."""
    session = session_of(ctx)
    if version:
        session.out.write(f"prismctl {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        session.out.write(
            "Usage: prismctl COMMAND [FLAGS]      all flags: prismctl --help\n\n"
            f"{_table_of_commands()}\n{_TOPICS}\n{_where(session)}\n"
        )


def _where(session: Session) -> str:
    try:
        context = session.named_context
    except PrismctlError as error:
        return f"Gateway: {error.message}"
    if context is None:
        return "Gateway: none yet. Start one on this machine with: prismctl up"
    text = f"Gateway: {safe.line(context.name)}, {safe.line(context.url)}"
    if not context.is_protected:
        return text
    glyph = "▲" if session.terminal.is_unicode else "!"
    mark = session.terminal.paint_out(f"{glyph} protected", "red", "bold")
    return f"{text}, {mark}: what changes it asks for its name"


def run(arguments: Sequence[str]) -> int:
    """Run a command line; return the exit code. Whatever fails is said once, on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A name may hold what this locale cannot write: show it escaped rather than fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    session = Session()
    command = get_command(root)
    if shell := os.environ.get("_PRISMCTL_COMPLETE"):
        return _complete(command, session, shell)
    try:
        code: object = command.main(
            args=list(arguments), prog_name="prismctl", standalone_mode=False, obj=session
        )
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if session.flags.debug and not isinstance(error, _FORESEEN):
            raise
        return _ended_by(error, session)
    finally:
        session.close()
    if code == ExitCode.INTERRUPTED:
        sys.stderr.write("\n")
    return code if isinstance(code, int) else ExitCode.OK


_FORESEEN = (DryRun, PrismctlError, TyperException)


def _ended_by(error: Exception, session: Session) -> int:
    match error:
        case DryRun():
            _show_dry_run(session, error)
            return ExitCode.OK
        case PrismctlError():
            return _failed(session, error)
        case TyperException():
            return _failed(session, _usage(error))
    return _failed(session, _unexpected(error))


def _show_dry_run(session: Session, would: DryRun) -> None:
    """Show the request that was not sent."""
    out, request = session.out, would.request
    if not out.is_for_people:
        out.value(request)
        return
    out.note("nothing was changed; without --dry-run this would be sent:")
    body = "" if request["body"] is None else data.to_json(request["body"])
    out.stream(f"{safe.line(str(would))}\n{body}")


def _complete(root_command: "Command", session: Session, shell: str) -> int:
    """Answer a TAB. Whatever is wrong, a shell in the midst of a line is told nothing."""
    from contextlib import suppress

    with suppress(Exception):
        from prismctl.complete.answer import answer

        sys.stdout.write(answer(root_command, session, shell, os.environ))
    return ExitCode.OK


def _failed(session: Session, error: PrismctlError) -> int:
    sys.stdout.flush()
    session.flags.jq = None  # its own mistakes are said here, too
    session.out.error(error)
    return error.exit_code


def _usage(error: TyperException) -> UsageProblem:
    """Say a mistake on the command line in our words."""
    from typer._click.exceptions import NoSuchOption

    path = getattr(getattr(error, "ctx", None), "command_path", "prismctl")
    if isinstance(error, NoSuchOption):
        near = nearest.name(error.option_name.lstrip("-"), _long_names(error.possibilities))
        msg = f"there is no option {error.option_name}"
        hint = f"did you mean --{near}?" if near else f"see: {path} --help"
        return UsageProblem(msg, hint=hint)
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    return UsageProblem(f"{message[:1].lower()}{message[1:]}", hint=f"see: {path} --help")


def _long_names(options: "Sequence[str] | None") -> list[str]:
    return [option.lstrip("-") for option in options or ()]


def _unexpected(error: Exception) -> PrismctlError:
    what = str(error) or os.strerror(getattr(error, "errno", 0) or 0)
    return PrismctlError(
        f"unexpected {type(error).__name__}: {what}", hint="run it again with --debug for the trace"
    )
