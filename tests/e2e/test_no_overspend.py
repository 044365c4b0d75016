"""Many calls at once against money for exactly k of them: k are served, and no more is ever held.

Each call costs exactly what is held for it: a token in costs nothing, a token out a dollar, and
`lorem` says as many as it may.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.keep_alive import Connection

CALLS = 2_000
CALLERS = 200
TOKENS = 10
"""Of each answer; also its price in dollars."""

# All calls come at once: what is looked at is who is paid for, not how many fit in.
CONFIG = """
server: {overload_after: 1h, max_unauthenticated_connections: 4000}
providers:
  fake: {type: fake}
cost_tracking:
  custom_pricing:
    fake/lorem: {input_per_mtok: 0, output_per_mtok: 1000000}
"""
BODY = {
    "model": "fake/lorem",
    "messages": [{"role": "user", "content": "as much as you may"}],
    "max_tokens": TOKENS,
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * CALLS:
        pytest.skip(f"a process may have {most} files open here: too few for {CALLS} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * CALLS), most))  # the daemon inherits
    running = start_daemon(tmp_path_factory.mktemp("priced"), CONFIG)
    yield running
    assert stop_daemon(running) == 0, running.log
    assert '"level": "error"' not in running.log, running.log


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "repetition" in metafunc.fixturenames:
        metafunc.parametrize("repetition", range(20 if metafunc.config.getoption("--deep") else 1))


async def _storm(
    address: tuple[str, int], key: Key, calls: int, *, callers: int = CALLERS
) -> Counter[str]:
    """Make calls from many connections at once; count the answers by status and code."""
    latency = "30ms" if callers < calls else "1500ms"  # all at once: none ends before all are there
    answers: Counter[str] = Counter()
    left = iter(range(calls))

    async def call_on() -> None:
        connection = await Connection.open(address)
        for number in left:
            body = {**BODY, "stream": number % 2 == 0}
            head = await connection.post(body, key.headers | {"x-prism-fake-latency": latency})
            answer = await connection.body()
            if head.status == 200:
                assert (b"[DONE]" in answer) == body["stream"], answer
                answers["200"] += 1
            else:
                answers[f"{head.status} {_code_of(answer)}"] += 1
        await connection.aclose()

    await asyncio.gather(*(call_on() for _ in range(callers)))
    return answers


def _code_of(answer: bytes) -> str:
    return answer.partition(b'"code":"')[2].partition(b'"')[0].decode()


async def _watched(daemon: Daemon, key: Key, is_over: asyncio.Event) -> list[tuple[int, int]]:
    """Look at what a key has and holds, again and again."""
    looks = []
    while not is_over.is_set():
        shown = (await asyncio.to_thread(daemon.admin.get, f"/-/keys/{key.id}")).json()
        looks.append((shown["credit_balance_nano_usd"], shown["credit_held_nano_usd"]))
        await asyncio.sleep(0.02)
    return looks


@pytest.mark.parametrize(
    ("calls", "callers", "affordable"),
    [(CALLS, CALLS, 700), (CALLS, CALLERS, 1_000), (CALLERS, CALLERS, 1)],
)
async def test_credits_for_k_serve_k(
    priced: Daemon, calls: int, callers: int, affordable: int, repetition: int
) -> None:
    key = priced.create_key(credits=affordable * TOKENS)
    is_over = asyncio.Event()
    watching = asyncio.create_task(_watched(priced, key, is_over))
    answers = await _storm(priced.address, key, calls, callers=callers)
    is_over.set()
    looks = await watching
    assert answers == {"200": affordable, "402 insufficient_credits": calls - affordable}
    shown = priced.admin.get(f"/-/keys/{key.id}").json()
    assert (shown["credit_balance_nano_usd"], shown["credit_held_nano_usd"]) == (0, 0)
    assert min(balance - held for balance, held in looks) >= 0
    assert min(held for _, held in looks) >= 0
    (used,) = priced.admin.get("/-/usage", params={"key": key.id}).json()["data"]
    assert (used["requests"], used["cost"]) == (affordable, affordable * TOKENS)


@pytest.mark.parametrize("scope", ["key", "owner", "org", "model", "tag"])
async def test_a_hard_budget_for_k_serves_k(priced: Daemon, scope: str, repetition: int) -> None:
    mark = f"{scope}-{repetition}"
    key = priced.create_key(owner=mark, org_id=mark, metadata={"team": mark})
    subjects = {"key": key.id, "owner": mark, "org": mark, "model": BODY["model"]}
    subject = subjects.get(scope, f"team={mark}")
    made = priced.admin.post(
        "/-/budgets",
        json={"scope": scope, "subject": subject, "limit": 23 * TOKENS, "window": "total"},
    )
    assert made.status_code == 201, made.text
    answers = await _storm(priced.address, key, CALLERS)
    assert answers == {"200": 23, "429 budget_exceeded": CALLERS - 23}
    budget = priced.admin.get(f"/-/budgets/{made.json()['id']}").json()
    assert (budget["spent"], budget["held"], budget["remaining"]) == (23 * TOKENS, 0, 0)
    assert budget["state"] == "exceeded"
    assert priced.admin.delete(f"/-/budgets/{budget['id']}").status_code < 300
