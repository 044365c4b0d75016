"""``python -m tests.bench``: measure the gateway beside a plain proxy, in interleaved rounds.

Exit codes: 0 measured; 1 the short form found that a call costs more than it may (``gate``), and
found it again: a neighbour on the machine can make one run dearer, a regression all of them.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import gate, process, report
from tests.bench.modes.mode import Ask, Mode, shown
from tests.bench.modes.sockets import raise_limit
from tests.bench.modes.table import MODES
from tests.bench.rig import PEERS, gateway_alone, rig
from tests.bench.scenarios import SCENARIOS, Values

SHORT_TRIES = 3

console = Console(stderr=True)


def main(arguments: list[str]) -> int:
    """Run and report."""
    args = _parse(arguments)
    if args.readme:
        print(report.markdown(json.loads(Path(args.readme).read_text())), end="")
        return 0
    if args.mode:
        return _run_mode(MODES[args.mode], args)
    if args.short:
        return _run_short()
    _run(args)
    return 0


def _run_short() -> int:
    console.print(report.machine())
    for _ in range(SHORT_TRIES):
        cost = gate.measure()
        console.print(cost.told, soft_wrap=True)
        if cost.share <= gate.MAX_SHARE:
            return 0
        console.print("That is over the limit: a gross regression, or a neighbour.")
    return 1


def _run(args: argparse.Namespace) -> None:
    names = tuple(args.only or [one.name for one in SCENARIOS])
    measured = _measure(names, args.rounds, args.peers)
    summaries = report.summarise(measured)
    console.print(report.machine())
    if not process.IS_PINNED:
        console.print("Only one core: gateway and load share it, and rates mean little.")
    console.print(report.goal_table(summaries))
    for bar in report.bars(summaries):
        console.print(bar, highlight=False)
    if args.compare:
        console.print(report.comparison(summaries, json.loads(Path(args.compare).read_text())))
    if args.json:
        print(json.dumps(report.to_json(summaries, rounds=args.rounds), indent=1))
    if "cpu" in names:
        ratio = report.ratio(summaries)
        console.print(f"CPU per request: {ratio:.2f} times the plain proxy's.")


def _run_mode(mode: Mode, args: argparse.Namespace) -> int:
    size = mode.size if args.size is None else args.size
    seconds = mode.seconds if args.seconds is None else args.seconds
    raise_limit()
    options = {"provider": mode.provider, "settings": mode.settings}
    with (
        tempfile.TemporaryDirectory() as folder,
        gateway_alone(Path(folder), **options, under=mode.under) as rig,
    ):
        tables = mode.run(rig, Ask(size, seconds))
    console.print(report.machine())
    for title, rows in tables.items():
        console.print(shown(title, rows))
    if args.json:
        run = {"mode": mode.name, "size": size, "seconds": seconds, "tables": tables}
        print(json.dumps({"version": report.VERSION, "machine": report.machine(), **run}, indent=1))
    return 0


def _measure(names: tuple[str, ...], rounds: int, peers: list[str]) -> list[Values]:
    chosen = [one for one in SCENARIOS if one.name in names]
    measured: list[Values] = []
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), peers) as ready:
        for number in range(rounds):
            values: Values = {}
            for scenario in chosen:
                if scenario.is_last and number + 1 < rounds:
                    continue
                console.print(f"round {number + 1} of {rounds}: {scenario.what}", style="dim")
                values |= scenario.run(ready)
            measured.append(values)
    return measured


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (3)")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in SCENARIOS])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=[], help="also measure")
    modes = parser.add_argument_group("modes", _modes())
    modes.add_argument("--mode", choices=MODES, help="measure this instead, once")
    modes.add_argument("--size", "--calls", type=int, help="how much of it")
    modes.add_argument("--seconds", type=float, help="how long, or of each interval")
    parser.add_argument("--short", action="store_true", help="CPU only, under a minute, for CI")
    parser.add_argument("--json", action="store_true", help="write the run to stdout")
    parser.add_argument("--compare", metavar="FILE", help="an earlier run's --json")
    parser.add_argument("--readme", metavar="FILE", help="print a --json run as Markdown")
    return parser.parse_args(arguments)


def _modes() -> str:
    return "\n".join(
        f"{mode.name:14} {mode.what} ({mode.size:,} {mode.sizes}, {mode.seconds:g} s)"
        for mode in MODES.values()
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
