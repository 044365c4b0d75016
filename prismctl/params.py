"""The flags that all commands share, and how given words become values.

Global flags are accepted before and after the command. They are options whose callback writes into
the session's flags, so that no command has to name them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param
from typer.core import TyperArgument, TyperOption
from typer.main import get_command

from prismctl import nearest, spans
from prismctl.errors import UsageProblem
from prismctl.output.render import Format
from prismctl.output.tty import Color
from prismctl.session import Session

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter
    from typer._click.parser import _OptionParser

SHORTEST_WATCH_S = 0.2
DEFAULT_WATCH = "2s"


@dataclass(frozen=True)
class LateParam(RuntimeParam):
    """Reads a given word with Typer's own machinery, but only if it needs any.

    That machinery is pydantic, whose import and one adapter for each flag cost every start 130 ms
    (Typer 0.29). Texts need none of it, nor do flags that were not given.
    """

    descriptor: TypeDescriptor

    def _coerce_value(self, value: object, param: object, ctx: "Context") -> object:
        if self.annotation is str or ctx.resilient_parsing:
            # Resilient: a line that is not finished, of which only the words are asked.
            return value
        if isinstance(value, tuple | list) and self.annotation == list[str]:
            return list(value)
        if isinstance(self.annotation, type) and isinstance(value, self.annotation):
            return value
        assert isinstance(param, TyperOption | TyperArgument)  # noqa: S101 - Typer's own kinds
        read: object = build_runtime_param(self.descriptor).coerce(value, param=param, ctx=ctx)
        return read


def make_late(params: "Sequence[Parameter]") -> "list[Parameter]":
    """Return the parameters, made to read their words late."""
    for param in params:
        if isinstance(param, TyperOption | TyperArgument) and param._runtime_param is None:  # noqa: SLF001 - what Typer fills in late, too
            known = param.type_descriptor
            param._runtime_param = LateParam(known.parameter_info, known.annotation, known)  # noqa: SLF001
    return list(params)


def _output(text: str) -> Format:
    if text in list(Format):
        return Format(text)
    msg = f"there is no format {text!r}"
    raise UsageProblem(msg, hint=nearest.hint(text, Format, otherwise=nearest.one_of(Format)))


def _timeout(text: str) -> float:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        msg = f"--timeout {text!r} is not a number of seconds"
        raise UsageProblem(msg)
    return seconds


def _color(text: str) -> str:
    if text not in get_args(Color):
        msg = f"--color {text!r}: it is auto, always or never"
        raise UsageProblem(msg)
    return text


def _watch(text: str) -> float:
    return max(SHORTEST_WATCH_S, spans.seconds("--watch", text))


_READERS = {"output": _output, "timeout": _timeout, "color": _color, "watch": _watch}


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: object) -> object:
    """Keep a flag that was given; the later one wins."""
    # Typer also calls this with what was not given: None, False or its like.
    if value and param.name and isinstance(ctx.obj, Session):
        read = _READERS.get(param.name)
        setattr(ctx.obj.flags, param.name, read(str(value)) if read else value)
    return value


def _flag(*names: str, help_: str, metavar: str | None = None) -> object:
    return typer.Option(*names, help=help_, metavar=metavar, callback=_remember, expose_value=False)


def _global_flags(
    *,
    context: Annotated[
        str | None, _flag("--context", help_="Gateway to use, by name", metavar="NAME")
    ] = None,
    url: Annotated[
        str | None, _flag("--url", help_="Gateway to use, by URL", metavar="URL")
    ] = None,
    output: Annotated[
        str | None,
        _flag("--output", "-o", help_=f"Answer as {', '.join(Format)}", metavar="FORMAT"),
    ] = None,
    fields: Annotated[
        str | None, _flag("--fields", help_="Only these fields: a,b.c", metavar="LIST")
    ] = None,
    jq: Annotated[
        str | None,
        _flag("--jq", help_="What this jq expression makes of the JSON", metavar="EXPR"),
    ] = None,
    token_file: Annotated[
        str | None,
        _flag(
            "--token-file", help_="Read the admin token from a file or - (stdin)", metavar="FILE"
        ),
    ] = None,
    watch: Annotated[
        str | None,
        _flag("--watch", "-w", help_="Look again and again, every 2s or as said", metavar="[TIME]"),
    ] = None,
    timeout: Annotated[
        str | None, _flag("--timeout", help_="Longest wait for an answer", metavar="SECONDS")
    ] = None,
    color: Annotated[
        str | None, _flag("--color", help_="Colour: auto, always, never", metavar="WHEN")
    ] = None,
    no_color: Annotated[bool | None, _flag("--no-color", help_="The same as --color=never")] = None,
    no_pager: Annotated[bool | None, _flag("--no-pager", help_="Never start a pager")] = None,
    no_input: Annotated[bool | None, _flag("--no-input", help_="Never ask")] = None,
    yes: Annotated[bool | None, _flag("--yes", "-y", help_="Answer yes to questions")] = None,
    yes_protected: Annotated[
        str | None,
        _flag(
            "--yes-protected", help_="Agree to changes at this protected context", metavar="NAME"
        ),
    ] = None,
    dry_run: Annotated[
        bool | None, _flag("--dry-run", help_="Change nothing: show what would be sent")
    ] = None,
    quiet: Annotated[bool | None, _flag("--quiet", "-q", help_="No notes on stderr")] = None,
    verbose: Annotated[
        bool | None, _flag("--verbose", help_="Say which gateway and credential is used")
    ] = None,
    debug: Annotated[
        bool | None, _flag("--debug", help_="Show each HTTP request, no bodies")
    ] = None,
) -> None:
    """Declare the flags; never called."""


def with_optional_time(parser: "_OptionParser") -> "_OptionParser":
    """Make ``--watch`` take the next word only if that is a time: ``-w``, ``-w 5``, ``-w 500ms``.

    Typer's options have a value or have none.
    """
    from typer._click.parser import _Option, _ParsingState

    class Watch(_Option):
        def process(self, value: object, state: _ParsingState) -> None:
            del value
            has_time = bool(state.rargs) and spans.is_span(state.rargs[0])
            super().process(state.rargs.pop(0) if has_time else DEFAULT_WATCH, state)

    known = parser._long_opt.get("--watch")  # noqa: SLF001 - Typer's own Click has no other way
    if known is not None:
        # No values that it would take in any case.
        option = Watch(known.obj, ["--watch", "-w"], known.dest, nargs=0)
        parser._long_opt["--watch"] = parser._short_opt["-w"] = option  # noqa: SLF001 - as above
    return parser


@cache
def global_params() -> "tuple[Parameter, ...]":
    """Return the global flags as parameters."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(_global_flags)
    return tuple(make_late(get_command(app).params))
