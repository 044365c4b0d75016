"""What rounds come to: medians with their spread, held against the goals and an earlier run.

A figure counts by its median over the rounds. Absolute times are this machine's, on this day: what
can be compared between machines is the ratio to the plain proxy of the same rounds.
"""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.rig import DIRECT, GATEWAY, NGINX, YARDSTICK
from tests.bench.scenarios import FIXED_RATE, MEMORY_CALLS, Values

VERSION = 1
"""Of the JSON form."""

_WHOLE_FROM = 100
"""Figures of this size need no decimals."""

CEILING_RATIO = 1.3
"""A rate that near to what the generator reaches against the mock itself says little of us."""


@dataclass(frozen=True)
class Goal:
    """What a figure of the gateway must be, and what we aim at."""

    figure: str
    what: str
    unit: str
    must: float | None = None
    aim: float | None = None
    """None: it is shown only."""
    is_floor: bool = False
    """Whether more is better."""

    def verdict(self, value: float) -> str:
        """Return how a value stands."""
        if self.must is None or self.aim is None:
            return ""
        if self._holds(value, self.aim):
            return "aim met"
        return "met" if self._holds(value, self.must) else "not met"

    def _holds(self, value: float, limit: float) -> bool:
        return value >= limit if self.is_floor else value <= limit


GOALS = (
    Goal("cpu_us", "CPU per request, 64 connections", "µs", 150, 90),
    Goal("cpu_to_nginx", "the same, as a multiple of nginx", "", 8, 5),
    Goal("rate_per_s", "requests per second on one core", "/s", 6_000, 10_000, is_floor=True),
    Goal("p50_1_ms", "p50 at 1 connection", "ms", 0.8, 0.5),
    Goal("p99_64_ms", "p99 at 64 connections", "ms", 20, 10),
    Goal("fixed_p50_ms", f"p50 at {FIXED_RATE:.0f} requests/s, from when they were due", "ms"),
    Goal("fixed_p99_ms", f"p99 at {FIXED_RATE:.0f} requests/s, from when they were due", "ms"),
    Goal("streams_per_s", "streams of 50 events per second", "/s", 900, 1_300, is_floor=True),
    Goal("added_first_ms", "added to the first byte of a stream", "ms", 1.0, 0.5),
    Goal("added_lag_ms", "added lag per event", "ms", 0.4, 0.25),
    Goal("start_s", "start to the first 200", "s", 1.0, 0.8),
    Goal("idle_mb", "resident memory, idle", "MB", 100, 80),
    Goal("after_mb", f"resident memory after {MEMORY_CALLS:,} calls", "MB", 120, 90),
    Goal("cli_version_ms", "prismctl --version", "ms", 150, 80),
    Goal("cli_list_ms", "prismctl keys list", "ms", 350, 220),
    Goal("ledger_rows_per_s", "ledger rows per second", "/s", 20_000, 50_000, is_floor=True),
)


@dataclass(frozen=True)
class Summary:
    """A figure over all rounds."""

    median: float
    low: float
    high: float


Summaries = Mapping[str, Mapping[str, Summary]]
"""Figure → target → summary."""


def summarise(rounds: Sequence[Values]) -> dict[str, dict[str, Summary]]:
    """Return medians and spread of what each round measured."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for values in rounds:
        with_ratio = values | _to_nginx(values)
        for figure, by_target in with_ratio.items():
            for target, value in by_target.items():
                gathered.setdefault(figure, {}).setdefault(target, []).append(value)
    return {
        figure: {
            target: Summary(statistics.median(found), min(found), max(found))
            for target, found in by_target.items()
        }
        for figure, by_target in gathered.items()
    }


def _to_nginx(values: Values) -> Values:
    cpu = values.get("cpu_us", {})
    if NGINX not in cpu:
        return {}
    return {"cpu_to_nginx": {GATEWAY: cpu[GATEWAY] / cpu[NGINX]}}


def ratio(summaries: Summaries) -> float:
    """Return the gateway's CPU per request as a multiple of the plain proxy's."""
    cpu = summaries["cpu_us"]
    return cpu[GATEWAY].median / cpu[YARDSTICK].median


def goal_table(summaries: Summaries) -> Table:
    """Return the goals with what was measured."""
    peers = [name for name in (YARDSTICK, NGINX) if name in summaries.get("cpu_us", {})]
    table = Table("figure", "must", "aim", GATEWAY, "spread", "", *peers)
    for goal in GOALS:
        if GATEWAY not in summaries.get(goal.figure, {}):
            continue
        others = [_said(summaries[goal.figure].get(peer)) for peer in peers]
        table.add_row(*_cells(goal, summaries), *others)
    return table


def bars(summaries: Summaries, width: int = 50) -> list[str]:
    """Return CPU per request of each target as bars."""
    cpu = {name: summary.median for name, summary in summaries.get("cpu_us", {}).items()}
    most = max(cpu.values(), default=1.0)
    return [
        f"{name:8} {'█' * max(1, round(value / most * width))} {value:.0f} µs"
        for name, value in sorted(cpu.items(), key=lambda item: item[1])
    ]


def _said(summary: Summary | None) -> str:
    return "" if summary is None else _number(summary.median)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.3g}"


def machine() -> str:
    """Name this machine: processor, cores, kernel, Python."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def to_json(summaries: Summaries, *, rounds: int) -> dict[str, Any]:
    """Return a run in the form that ``--compare`` reads."""
    return {
        "version": VERSION,
        "machine": machine(),
        "rounds": rounds,
        "figures": {
            figure: {
                target: {"median": one.median, "low": one.low, "high": one.high}
                for target, one in by_target.items()
            }
            for figure, by_target in summaries.items()
        },
    }


def from_json(run: Mapping[str, Any]) -> dict[str, dict[str, Summary]]:
    """Read a run that ``to_json`` wrote.

    Raises:
        ValueError: it is of another form.
    """
    if run.get("version") != VERSION:
        msg = f"this is no run of version {VERSION}"
        raise ValueError(msg)
    return {
        figure: {target: Summary(**one) for target, one in by_target.items()}
        for figure, by_target in run["figures"].items()
    }


def markdown(run: Mapping[str, Any]) -> str:
    """Return a run as the README shows it."""
    summaries = from_json(run)
    peers = [name for name in (YARDSTICK, NGINX) if name in summaries["cpu_us"]]
    head = ["figure", "must", "aim", GATEWAY, "lowest to highest", "", *peers]
    lines = [f"{run['machine']}; {run['rounds']} interleaved rounds, medians.", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for goal in GOALS:
        by_target = summaries.get(goal.figure, {})
        if GATEWAY in by_target:
            cells = [*_cells(goal, summaries), *(_said(by_target.get(peer)) for peer in peers)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cells(goal: Goal, summaries: Summaries) -> list[str]:
    """Return what is said of a goal and its figure, which was measured."""
    sign = "≥" if goal.is_floor else "≤"
    found = summaries[goal.figure][GATEWAY]
    ceiling = summaries[goal.figure].get(DIRECT) if goal.is_floor else None
    verdict = goal.verdict(found.median)
    if ceiling is not None and ceiling.median < found.median * CEILING_RATIO:
        verdict += ", generator-limited"
    return [
        f"{goal.what}, {goal.unit}" if goal.unit and goal.must is None else goal.what,
        "" if goal.must is None else f"{sign} {_number(goal.must)} {goal.unit}".rstrip(),
        "" if goal.aim is None else _number(goal.aim),
        _number(found.median),
        f"{_number(found.low)} to {_number(found.high)}",
        verdict,
    ]


def comparison(summaries: Summaries, earlier: Mapping[str, Any]) -> Table:
    """Return each figure of the gateway beside an earlier run's.

    Raises:
        ValueError: the earlier run is of another form.
    """
    before_run = from_json(earlier)
    table = Table("figure", "before", "now", "now / before")
    for figure, by_target in summaries.items():
        now = by_target.get(GATEWAY)
        before = before_run.get(figure, {}).get(GATEWAY)
        if now is not None and before is not None and before.median:
            share = now.median / before.median
            table.add_row(figure, _number(before.median), _number(now.median), f"{share:.2f}")
    return table
