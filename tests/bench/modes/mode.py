"""What a mode is, and what it returns: small tables, for people and as JSON.

A mode is given a gateway with everything on, in front of the mock. It reports; what must hold is
for tests to say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.bench.generator import Load, Result
from tests.bench.rig import Rig

Cell = str | int | float
Row = Mapping[str, Cell]
Tables = dict[str, Sequence[Row]]
"""Title → rows, each column → value; all rows of a table have the same columns."""

OTHERS = 8
"""Connections of the calls that are made meanwhile."""


@dataclass(frozen=True)
class Ask:
    """How much of it, and how long."""

    size: int
    seconds: float


@dataclass(frozen=True)
class Mode:
    """One of them."""

    name: str
    what: str
    sizes: str
    """What the size counts."""
    size: int
    seconds: float
    """Without another wish; what the mode takes it for is in ``what``."""
    run: Callable[[Rig, Ask], Tables]
    provider: str = ""
    """Further fields of the provider in the gateway's configuration, and further sections of it."""
    settings: str = "server: {overload_after: 1h}"
    under: Sequence[str] = ()
    """A command that runs the gateway."""


def calls(rig: Rig, when: str, seconds: float) -> Row:
    """Make good calls for a while; return their latency. One that fails is an error."""
    return latency(when, rig.targets[0].load(Load(0, OTHERS, seconds)))


def latency(when: str, result: Result) -> Row:
    """Return the row of a load."""
    return {
        "calls": when,
        "answers": result.answers,
        "per s": round(result.rate_per_s),
        "p50 ms": round(result.p50_ms, 2),
        "p99 ms": round(result.p99_ms, 2),
        "max ms": round(result.max_ms, 1),
    }


def shown(title: str, rows: Sequence[Row]) -> Table:
    """Return a table for the terminal."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*(_said(cell) for cell in row.values()))
    return table


def _said(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}"
