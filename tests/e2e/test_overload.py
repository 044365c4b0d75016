"""Overload: who cannot be served is told so at once, and nothing else suffers (I-23)."""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for
from tests.keep_alive import Connection

LIMIT = 20
CALLERS = 200
CONFIG = f"server: {{max_running_calls: {LIMIT}}}\nproviders:\n  fake: {{type: fake}}\n"
AT_ONCE_S = 0.05
"""What a refusal may take (I-23)."""
ROUNDS = 10
"""In one of them it must: other tests share the cores."""
LATENCY_S = 2.0
SLOW = f"fake/echo+latency={LATENCY_S}s"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = start_daemon(tmp_path, CONFIG)
    yield running
    stop_daemon(running)


async def call(connection: Connection, key: Key, model: str) -> tuple[int, float]:
    """Make a call; return its status, and when its head was here."""
    began_s = time.perf_counter()
    head = await connection.post(
        {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8},
        key.headers,
    )
    after_s = time.perf_counter() - began_s
    await connection.body()
    return head.status, after_s


async def together(daemon: Daemon, key: Key) -> tuple[list[tuple[int, float]], list[float]]:
    """Make all calls at once; return their outcomes, and what admin and probes took meanwhile."""
    connections = [await Connection.open(daemon.address) for _ in range(CALLERS)]
    calls = [asyncio.create_task(call(one, key, SLOW)) for one in connections]
    took_s: list[float] = []
    headers = {"authorization": f"Bearer {daemon.admin_token}"}
    async with httpx2.AsyncClient(
        base_url=daemon.url, headers=headers, trust_env=False, verify=False
    ) as admin:
        for _ in range(5):
            for path in ("/healthz", "/readyz", "/-/metrics", "/-/keys"):
                began_s = time.perf_counter()
                assert (await admin.get(path)).status_code == 200
                took_s.append(time.perf_counter() - began_s)
    outcomes = await asyncio.gather(*calls)
    for one in connections:
        await one.aclose()
    return outcomes, took_s


def shed(daemon: Daemon) -> float:
    """Return how many calls were refused, as the metrics say."""
    page = daemon.admin.get("/-/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("prism_shed_requests_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_above_the_limit_calls_are_refused_at_once(daemon: Daemon) -> None:
    key = daemon.create_key(credits=10)
    medians_s: list[float] = []
    while not medians_s or (min(medians_s) >= AT_ONCE_S and len(medians_s) < ROUNDS):
        outcomes, others_s = asyncio.run(together(daemon, key))
        served = [status for status, _ in outcomes if status == 200]
        refused_s = [after_s for status, after_s in outcomes if status == 503]
        assert (len(served), len(refused_s)) == (LIMIT, CALLERS - LIMIT)
        assert max(refused_s) < LATENCY_S, "a refusal waited for the calls that run"
        assert max(others_s) < LATENCY_S, "admin and probes answer meanwhile"
        medians_s.append(statistics.median(refused_s))
    print(f"median of {CALLERS - LIMIT} refusals: {min(medians_s) * 1000:.1f} ms")
    assert min(medians_s) < AT_ONCE_S
    assert shed(daemon) == (CALLERS - LIMIT) * len(medians_s)
    # What was refused left nothing; there is room again.
    usage = daemon.admin.get("/-/usage", params={"key": key.id}).json()["totals"]
    assert usage["requests"] == LIMIT * len(medians_s)
    assert daemon.chat(key).status_code == 200
    assert daemon.admin.get("/-/ledger/holds").json()["data"] == []
    assert daemon.admin.post("/-/ledger/verify").json()["faults"] == []


def test_a_refusal_says_when_to_come_again(daemon: Daemon) -> None:
    key = daemon.create_key()

    async def one_too_many() -> tuple[int, dict[str, str], bytes]:
        connections = [await Connection.open(daemon.address) for _ in range(LIMIT + 1)]
        running = [asyncio.create_task(call(one, key, SLOW)) for one in connections[:-1]]
        await asyncio.to_thread(
            wait_for,
            lambda: f"prism_running_requests {LIMIT}.0" in daemon.admin.get("/-/metrics").text,
            "the running calls",
        )
        last = connections[-1]
        head = await last.post({"model": "fake/echo", "messages": []}, key.headers)
        body = await last.body()
        for task in running:
            task.cancel()
        for connection in connections:
            await connection.aclose()
        return head.status, dict(head.headers), body

    status, headers, body = asyncio.run(one_too_many())
    assert status == 503
    assert headers["retry-after"] == "1"
    assert headers["x-request-id"].startswith("req_")
    assert b'"code":"overloaded"' in body
    assert b"server.max_running_calls" in body


def test_a_disk_that_stands_still_stops_calls_and_not_the_operator(daemon: Daemon) -> None:
    """Calls wait for their settlement; who runs it still sees what is going on."""
    key = daemon.create_key(credits=10)
    other = sqlite3.connect(daemon.data_dir / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def stuck() -> list[tuple[int, float]]:
        connections = [await Connection.open(daemon.address) for _ in range(LIMIT)]
        calls = [asyncio.create_task(call(one, key, "fake/echo")) for one in connections]
        await asyncio.to_thread(
            wait_for,
            lambda: f"prism_running_requests {LIMIT}.0" in daemon.admin.get("/-/metrics").text,
            "calls that wait for the disk",
        )
        late = await Connection.open(daemon.address)
        assert (await call(late, key, "fake/echo"))[0] == 503
        other.execute("COMMIT")
        outcomes = await asyncio.gather(*calls)
        for one in (*connections, late):
            await one.aclose()
        return outcomes

    outcomes = asyncio.run(stuck())
    other.close()
    assert {status for status, _ in outcomes} == {200}
    assert daemon.chat(key).status_code == 200
