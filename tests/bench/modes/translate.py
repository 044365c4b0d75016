"""What a translated call costs beside a relayed one: the same vendor, whole and streamed, in pairs.

The vendor speaks OpenAI's dialect. A client of that dialect is relayed; one of Anthropic's has its
request, and the answer or each event of it, said in the other one. Every other pair is measured the
other way round, so that a machine that changes its speed changes both.
"""

import statistics

from tests.bench import process, traffic
from tests.bench.generator import Load
from tests.bench.modes.mode import Ask, Mode, Row, Tables
from tests.bench.rig import Rig

CONNECTIONS = 16


def _cpu_us(rig: Rig, path: str, seconds: float, *, stream: bool) -> float:
    target = rig.gateway
    before_ns = process.cpu_ns(target.pid)
    result = target.load(Load(0, CONNECTIONS, seconds, stream=stream, path=path))
    return (process.cpu_ns(target.pid) - before_ns) / result.answers / 1000


def _pair(rig: Rig, number: int, seconds: float, *, stream: bool) -> Row:
    paths = (traffic.CHAT, traffic.MESSAGES)
    used = {
        path: _cpu_us(rig, path, seconds, stream=stream)
        for path in (paths if number % 2 else reversed(paths))
    }
    relayed_us, translated_us = used[traffic.CHAT], used[traffic.MESSAGES]
    return {
        "answer": "50 events" if stream else "whole",
        "relayed µs": round(relayed_us, 1),
        "translated µs": round(translated_us, 1),
        "ratio": round(translated_us / relayed_us, 2),
    }


def _run(rig: Rig, ask: Ask) -> Tables:
    for path in (traffic.CHAT, traffic.MESSAGES):
        _cpu_us(rig, path, min(0.5, ask.seconds), stream=False)
    pairs = [
        _pair(rig, number, ask.seconds, stream=stream)
        for stream in (False, True)
        for number in range(1, ask.size + 1)
    ]
    medians: list[Row] = []
    for answer in ("whole", "50 events"):
        rows = [pair for pair in pairs if pair["answer"] == answer]
        names = ("relayed µs", "translated µs", "ratio")
        figures = {
            name: round(statistics.median(float(row[name]) for row in rows), 2) for name in names
        }
        median: Row = {"answer": answer, **figures}
        medians.append(median)
    return {"CPU per call, relayed and translated": pairs, "median": medians}


MODE = Mode(
    "translate",
    "a call in Anthropic's dialect to a vendor of OpenAI's, beside one that is relayed, in pairs",
    sizes="pairs",
    size=5,
    seconds=2.0,
    run=_run,
)
