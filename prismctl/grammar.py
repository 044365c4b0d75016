"""How commands are declared: nouns, verbs, aliases and the examples that end each help."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from prismctl import nearest
from prismctl.errors import UsageProblem
from prismctl.params import global_params, make_late, with_optional_time
from prismctl.session import Session

if TYPE_CHECKING:
    # Typer has its own Click inside; its types are needed to override, never at run time.
    from typer._click.core import Command, Context, Parameter
    from typer._click.formatting import HelpFormatter
    from typer._click.parser import _OptionParser

P = ParamSpec("P")
R = TypeVar("R")

_ALIASES = {"ls": ("list",), "rm": ("delete", "revoke", "cancel")}


class Verb(TyperCommand):
    """A command: its own flags, the global ones unseen, examples at the end of its help."""

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        """Return the command's parameters and the global ones."""
        params = make_late(super().get_params(ctx))
        own = {option for param in params for option in param.opts}
        return params + [param for param in global_params() if own.isdisjoint(param.opts)]

    def make_parser(self, ctx: "Context") -> "_OptionParser":
        """Return what reads the words of the command line."""
        return with_optional_time(super().make_parser(ctx))

    def invoke(self, ctx: "Context") -> object:
        """Run it: once, or again and again with ``--watch``."""
        run = partial(super().invoke, ctx)
        session = ctx.obj
        if isinstance(session, Session) and session.flags.dry_run:
            _check_dry_run(ctx.command_path)
        if not isinstance(session, Session) or session.flags.watch is None:
            return run()
        from prismctl.watch import watch

        watch(session, self.name or "", ctx.command_path, session.flags.watch, run)
        return None

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the command's own flags."""
        shared = set(map(id, global_params()))
        records = [
            (param.param_type_name, record)
            for param in self.get_params(ctx)
            if id(param) not in shared and (record := param.get_help_record(ctx))
        ]
        for kind, title in (("argument", "Arguments"), ("option", "Options")):
            rows = [record for name, record in records if name == kind]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the examples, and where the other flags are."""
        del ctx
        with formatter.section("Examples"):
            for example in (self.epilog or "").splitlines():
                formatter.write(f"  {example}\n")
        formatter.write("\nGlobal flags (-o, --fields, --context …): prismctl --help\n")


_LOCAL = ("contexts", "auth", "up", "dashboard")
"""Commands that change what is on this machine, where no request can be shown instead."""


def _check_dry_run(path: str) -> None:
    if path.split()[1] in _LOCAL:
        msg = f"`{path}` does more than send requests: it has no --dry-run"
        raise UsageProblem(msg)


class Noun(TyperGroup):
    """A noun with verbs."""

    def make_parser(self, ctx: "Context") -> "_OptionParser":
        """Return what reads the words of the command line."""
        return with_optional_time(super().make_parser(ctx))

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        """Return the noun's parameters."""
        return make_late(super().get_params(ctx))

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Find a verb, by alias too."""
        found = super().get_command(ctx, cmd_name)
        for verb in () if found else _ALIASES.get(cmd_name, ()):
            found = found or super().get_command(ctx, verb)
        return found

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> "tuple[str | None, Command | None, list[str]]":
        """Find the command to run, or say what is near.

        Raises:
            UsageProblem: there is no such command.
        """
        if not ctx.resilient_parsing and not args[0].startswith("-"):
            self.check_exists(ctx, args[0])
        return super().resolve_command(ctx, args)

    def check_exists(self, ctx: "Context", name: str) -> None:
        """Refuse a command that is not there."""
        if self.get_command(ctx, name) is not None:
            return
        path = ctx.command_path
        near = nearest.name(name, self.list_commands(ctx))
        hint = f"did you mean `{path} {near}`?" if near else f"see: {path} --help"
        msg = f"there is no command `{path} {name}`"
        raise UsageProblem(msg, hint=hint)

    def invoke(self, ctx: "Context") -> object:
        """Run the verb.

        Raises:
            UsageProblem: none was given.
        """
        if not ctx._protected_args and not self.invoke_without_command:  # noqa: SLF001 - Click's own protocol of a group
            verbs = ", ".join(self.list_commands(ctx))
            path = ctx.command_path
            msg = f"`{path}` needs a verb: {verbs}"
            raise UsageProblem(msg, hint=f"see: {path} --help")
        result: object = super().invoke(ctx)
        return result


def noun(help_: str) -> typer.Typer:
    """Return the app of a noun; verbs are added with ``verb``."""
    app = typer.Typer(
        cls=Noun, help=help_, add_completion=False, rich_markup_mode=None, no_args_is_help=False
    )

    @app.callback()
    def _nothing() -> None:
        # A callback makes Typer keep the noun when it has a single verb.
        return

    return app


def top_verb() -> typer.Typer:
    """Return the app of a command without a noun."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def verb(app: typer.Typer, name: str, *examples: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add a function as a verb; its docstring is the help, the examples end it."""

    def add(function: Callable[P, R]) -> Callable[P, R]:
        app.command(name, cls=Verb, epilog="\n".join(examples))(function)
        return function

    return add


def session_of(ctx: typer.Context) -> Session:
    """Return the session of the running command."""
    session = ctx.obj
    if not isinstance(session, Session):
        raise TypeError
    return session
