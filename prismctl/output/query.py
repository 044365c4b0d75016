"""``--jq``: the one importer of jq, which is an extra. As gh does it: strings come out raw."""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from prismctl.errors import UsageProblem
from prismctl.jsontext import Json, dumps, loads
from prismctl.output import safe

_INSTALL = "install it beside prismctl: pip install 'jq>=1.11,<2', the extra `jq` of this package"


class _Results(Protocol):
    def text(self) -> str:
        """Return JSON texts, one on each line."""


class _Program(Protocol):
    def input_text(self, text: str, /) -> _Results:
        """Run it on a JSON text."""


class Query:
    """One jq expression.

    Raises:
        UsageProblem: it is none, or jq is not installed.
    """

    def __init__(self, expression: str) -> None:
        try:
            compiled: Callable[[str], _Program] = import_module("jq").compile
        except ImportError:
            raise UsageProblem("--jq needs the library jq", hint=_INSTALL) from None
        try:
            self._program = compiled(expression)
        except ValueError as error:
            msg = f"--jq cannot be understood: {_first_line(error)}"
            raise UsageProblem(msg, hint="for example --jq '.data[].name'") from None

    def __call__(self, value: Json) -> str:
        """Return what the expression makes of a value, a result on each line.

        Raises:
            UsageProblem: it does not fit the value.
        """
        try:
            results = self._program.input_text(dumps(value)).text()
        except ValueError as error:
            msg = f"--jq does not fit the answer: {_first_line(error)}"
            raise UsageProblem(msg) from None
        return "".join(f"{_shown(line)}\n" for line in results.split("\n") if line)


def _shown(result: str) -> str:
    value = loads(result)
    return safe.block(value) if isinstance(value, str) else safe.in_json(dumps(value))


def _first_line(error: ValueError) -> str:
    return str(error).partition("\n")[0].removeprefix("jq: error: ")
