"""What is measured, scenario by scenario; each is run once per round, on all targets in turn.

A scenario returns figure → target → value of this round. Interleaving is the point: a shared
machine changes its speed from minute to minute, and only values of one round can be compared.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import process, traffic
from tests.bench.generator import Load, Result
from tests.bench.rig import (
    DIRECT,
    GATEWAY,
    Rig,
    Target,
    gateway_alone,
    managed_key,
    start_gateway,
)
from tests.daemon_process import ROOT, stop_daemon

Values = dict[str, dict[str, float]]

SECONDS = 3.0
FIXED_RATE = 500.0
PACED_CONNECTIONS = 4
BURST_CONNECTIONS = 16
REST_S = 1.0
MEMORY_CALLS = 100_000


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured."""

    name: str
    what: str
    run: Callable[[Rig], Values]
    is_last: bool = False
    """Whether it is run in the last round only, because it takes long."""


def cpu_of(target: Target, load: Load) -> tuple[float, Result]:
    """Return the CPU time per answer, in microseconds, and the result."""
    before_ns = process.cpu_ns(target.pid)
    result = target.load(load)
    used_ns = process.cpu_ns(target.pid) - before_ns
    return used_ns / result.answers / 1000, result


def at_64(rig: Rig) -> Values:
    values: Values = {"cpu_us": {}, "rate_per_s": {}, "p50_64_ms": {}, "p99_64_ms": {}}
    ceiling = rig.direct.load(Load(0, 64, SECONDS / 3))
    values["rate_per_s"][DIRECT] = ceiling.rate_per_s
    values["load_share"] = {}
    for target in rig.targets:
        cpu_us, result = cpu_of(target, Load(0, 64, SECONDS))
        values["cpu_us"][target.name] = cpu_us
        values["rate_per_s"][target.name] = result.rate_per_s
        values["p50_64_ms"][target.name] = result.p50_ms
        values["p99_64_ms"][target.name] = result.p99_ms
        values["load_share"][target.name] = result.cpu_share
    return values


def _latency(connections: int) -> Callable[[Rig], Values]:
    def run(rig: Rig) -> Values:
        values: Values = {f"p50_{connections}_ms": {}, f"p99_{connections}_ms": {}}
        for target in (*rig.targets, rig.direct):
            result = target.load(Load(0, connections, SECONDS / 2))
            values[f"p50_{connections}_ms"][target.name] = result.p50_ms
            values[f"p99_{connections}_ms"][target.name] = result.p99_ms
        return values

    return run


def fixed_rate(rig: Rig) -> Values:
    values: Values = {"fixed_p50_ms": {}, "fixed_p99_ms": {}}
    for target in (*rig.targets, rig.direct):
        result = target.load(Load(0, 64, SECONDS, rate_per_s=FIXED_RATE))
        values["fixed_p50_ms"][target.name] = result.p50_ms
        values["fixed_p99_ms"][target.name] = result.p99_ms
    return values


def burst(rig: Rig) -> Values:
    values: Values = {"streams_per_s": {}, "stream_cpu_us": {}}
    for target in (*rig.targets, rig.direct):
        cpu_us, result = cpu_of(target, Load(0, BURST_CONNECTIONS, SECONDS, stream=True))
        values["streams_per_s"][target.name] = result.rate_per_s
        if target is not rig.direct:
            values["stream_cpu_us"][target.name] = cpu_us
    return values


def paced(rig: Rig) -> Values:
    load = Load(0, PACED_CONNECTIONS, SECONDS, stream=True, marker=traffic.PACED.decode())
    direct = rig.direct.load(load)
    values: Values = {"added_first_ms": {}, "added_lag_ms": {}}
    for target in rig.targets:
        result = target.load(load)
        values["added_first_ms"][target.name] = result.first_p50_ms - direct.first_p50_ms
        values["added_lag_ms"][target.name] = result.lag_p50_ms - direct.lag_p50_ms
    return values


def start(rig: Rig) -> Values:
    """Measure from the start of the process to its first answered call, and its memory at rest."""
    with tempfile.TemporaryDirectory() as folder:
        first = start_gateway(Path(folder), rig.direct.port)
        key = managed_key(first)
        stop_daemon(first)  # what only the very first start does is no part of it
        began = time.perf_counter()
        again = start_gateway(Path(folder), rig.direct.port)
        try:
            answer = again.chat(key, traffic.MODEL)
            took_s = time.perf_counter() - began
            answer.raise_for_status()
            again.admin.get("/-/keys").raise_for_status()  # what loads behind the listener is here
            time.sleep(REST_S)
            resident_mb = process.resident_mb(again.process.pid)
        finally:
            stop_daemon(again)
    return {"start_s": {GATEWAY: took_s}, "idle_mb": {GATEWAY: resident_mb}}


def ledger(_: Rig) -> Values:
    """Measure the store alone, on the gateway's core."""
    told = process.python("tests.bench.ledger", core=process.TARGET_CORE).communicate()[0]
    return {"ledger_rows_per_s": {GATEWAY: float(told)}}


def memory(_: Rig) -> Values:
    """Make so many calls to a new gateway, then look at its memory."""
    with tempfile.TemporaryDirectory() as folder, gateway_alone(Path(folder)) as alone:
        missing = MEMORY_CALLS - calls_of(alone)
        while missing > 0:
            missing -= alone.gateway.load(Load(0, 64, SECONDS)).answers
        return {"after_mb": {GATEWAY: process.resident_mb(alone.gateway.pid)}}


def calls_of(rig: Rig) -> int:
    """Return how many calls this gateway has served."""
    answer = rig.daemon.admin.get("/-/usage", params={"key": rig.key.id, "group_by": "provider"})
    answer.raise_for_status()
    return sum(row["requests"] for row in answer.json()["data"])


def cli(rig: Rig) -> Values:
    env = {
        "PYTHONPATH": str(ROOT),
        "PRISMCTL_URL": rig.daemon.url,
        "PRISMCTL_TOKEN": rig.daemon.admin_token,
        "PRISMCTL_CONFIG_DIR": str(rig.folder),
    }
    program = [sys.executable, "-m", "prismctl"]
    version_s = process.run_s([*program, "--version"], env)
    list_s = process.run_s([*program, "keys", "list"], env)
    return {"cli_version_ms": {GATEWAY: version_s * 1000}, "cli_list_ms": {GATEWAY: list_s * 1000}}


SCENARIOS = (
    Scenario("cpu", "64 connections: CPU, rate, latency", at_64),
    Scenario("one", "1 connection: latency", _latency(1)),
    Scenario("eight", "8 connections: latency", _latency(8)),
    Scenario("fixed", f"{FIXED_RATE:.0f} requests/s, from the intended time", fixed_rate),
    Scenario("burst", "streams of 50 events, 16 at a time", burst),
    Scenario("paced", "streams paced at 5 ms: what is added", paced),
    Scenario("start", "start and memory", start),
    Scenario("cli", "prismctl", cli),
    Scenario("ledger", "the ledger alone", ledger),
    Scenario("memory", f"memory after {MEMORY_CALLS:,} calls", memory, is_last=True),
)
