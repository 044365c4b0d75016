"""The gate of CI: has a call become grossly dearer?

What it may cost is told in what the machine can do at that minute: the plain proxy, which is
mostly the kernel's work, and a fixed piece of Python, because a gateway is mostly the
interpreter's. Against the proxy alone one binary was 3.3 times as dear on one day and 4.5 on
another. A neighbour makes a round dearer and none cheaper, so the cheapest of many short ones
counts.
"""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import process
from tests.bench.generator import Load
from tests.bench.rig import GATEWAY, YARDSTICK, Rig, rig
from tests.bench.scenarios import cpu_of

ROUNDS = 8
SECONDS = 1.0
MAX_SHARE = 2.4
"""1.8 is what was seen; the rest is room for machines that differ."""


@dataclass(frozen=True)
class Cost:
    """What was seen, in microseconds of CPU; the cheapest round of each."""

    call_us: float
    proxy_us: float
    python_us: float
    spread: float
    """How far the rounds of the gateway differ: standard deviation to mean."""

    @property
    def share(self) -> float:
        """The call's cost, in proxied requests with a piece of Python each."""
        return self.call_us / (self.proxy_us + self.python_us)

    @property
    def told(self) -> str:
        """What is printed of it."""
        return (
            f"A call costs {self.call_us:.0f} µs of CPU, {self.call_us / self.proxy_us:.2f} times "
            f"the plain proxy's {self.proxy_us:.0f}; {self.share:.2f} times what the proxy and "
            f"{self.python_us:.0f} µs of plain Python cost (limit {MAX_SHARE:g}). "
            f"{ROUNDS} rounds, cheapest of each; they differed by {self.spread:.0%}."
        )


def measure() -> Cost:
    """Measure in interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), []) as ready:
        return _measure(ready)


def _measure(ready: Rig) -> Cost:
    seen: dict[str, list[float]] = {GATEWAY: [], YARDSTICK: []}
    python: list[float] = []
    for _ in range(ROUNDS):
        for target in ready.targets:
            seen[target.name].append(cpu_of(target, Load(0, 64, SECONDS))[0])
        started = process.python("tests.bench.interpreter", core=process.TARGET_CORE)
        python.append(float(started.communicate()[0]))
    calls = seen[GATEWAY]
    spread = statistics.pstdev(calls) / statistics.mean(calls)
    return Cost(min(calls), min(seen[YARDSTICK]), min(python), spread)
