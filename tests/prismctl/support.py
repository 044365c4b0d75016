"""What the tests of prismctl share: a fixed time, two terminals, the result of a run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prismctl.output import tty

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PIPE = tty.Terminal(
    is_in_tty=False,
    is_out_tty=False,
    is_err_tty=False,
    is_out_colored=False,
    is_err_colored=False,
    is_unicode=True,
    width=100,
    height=50,
)
PEOPLE = replace(PIPE, is_out_tty=True, is_err_tty=True)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]
