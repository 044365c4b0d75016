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
"""What a refusal may take (I-23). One alone may be later here: tests share the cores."""
SLOW = "fake/echo+latency=3s"


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


def shed(daemon: Daemon, reason: str) -> float:
    """Return how many calls were refused for a reason, as the metrics say."""
    page = daemon.admin.get("/-/metrics").text
    name = f'prism_shed_requests_total{{reason="{reason}"}} '
    (line,) = [line for line in page.splitlines() if line.startswith(name)]
    return float(line.removeprefix(name))


def test_above_the_limit_calls_are_refused_at_once(daemon: Daemon) -> None:
    key = daemon.create_key(credits=10)
    outcomes, others_s = asyncio.run(together(daemon, key))
    served = [status for status, _ in outcomes if status == 200]
    refused_s = [after_s for status, after_s in outcomes if status == 503]
    assert (len(served), len(refused_s)) == (LIMIT, CALLERS - LIMIT)
    median_s, worst_s = statistics.median(refused_s), max(refused_s)
    print(
        f"{len(refused_s)} refusals: median {median_s * 1000:.1f}, at most {worst_s * 1000:.1f} ms"
    )
    assert median_s < AT_ONCE_S
    assert worst_s < 1.0, "a refusal waited for the calls that run"
    assert max(others_s) < 1.0, "admin and probes answer meanwhile"
    assert shed(daemon, "calls") == CALLERS - LIMIT
    # What was refused left nothing; there is room again.
    usage = daemon.admin.get("/-/usage", params={"key": key.id}).json()["totals"]
    assert usage["requests"] == LIMIT
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
