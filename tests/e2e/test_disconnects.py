"""A client that leaves: its provider is let go at once, and what was produced is paid for.

The fake falls silent where its client leaves, so that both know what was delivered; or it goes on.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, wait_for
from tests.fake_process import FakeProcess
from tests.keep_alive import Connection
from tests.scripted_vendor import FOR_EVER_S, scripted_vendor

CLIENTS, DEEP_CLIENTS = 8, 100
"""Who leave at the same point of their answers."""
TOKENS = 40
FULL_NANO_USD = 2_000 * TOKENS
"""What the tokens of a whole answer cost: two dollars per million."""
LET_GO_S = 1.0
CREDITS_NANO_USD = 10**9

SILENT = """
providers:
  mock: {{type: openai, base_url: "{url}", models: [lorem]}}
cost_tracking:
  custom_pricing:
    lorem: {{input_per_mtok: 1, output_per_mtok: 2}}
"""


@pytest.fixture
def clients(*, deep: bool) -> int:
    return DEEP_CLIENTS if deep else CLIENTS


@pytest.fixture
def paying(daemon: Daemon) -> Key:
    return daemon.create_key(credits=1)


async def _call(daemon: Daemon, key: Key, *, is_stream: bool = True, **fake: object) -> Connection:
    """Send a call; its answer is up to ``fake``."""
    connection = await Connection.open(daemon.address)
    settings = {f"x-prism-fake-{name}": str(value) for name, value in fake.items()}
    connection.send(
        {
            "model": "mock/lorem",
            "messages": [{"role": "user", "content": "tell me something"}],
            "stream": is_stream,
            "max_tokens": TOKENS,
        },
        key.headers | settings,
    )
    return connection


async def _leave_after(connection: Connection, tokens: int) -> str:
    """Receive so many tokens of a stream, then leave; return the request's id."""
    head = await connection.receive_head()
    events = connection.events()
    for _ in range(1 + tokens):  # the first says who speaks
        await anext(events)
    await events.aclose()
    await connection.aclose()
    return head.headers["x-request-id"]


def _check_upstream(fake: FakeProcess, request_ids: list[str]) -> dict[str, int]:
    """Wait until the upstream has been let go; return how many tokens it had sent to each."""
    entries = {id_: fake.entry(id_, within_s=LET_GO_S) for id_ in request_ids}
    assert {entry["outcome"] for entry in entries.values()} == {"client_gone"}
    return {id_: entry["output_tokens_sent"] for id_, entry in entries.items()}


def _bills(daemon: Daemon, key: Key, request_ids: list[str]) -> Mapping[str, dict[str, Any]]:
    """Wait until all calls are settled; return what each was billed."""
    wait_for(lambda: not _held(daemon, key), "nothing is held")
    bills = {id_: daemon.trace(id_) for id_ in request_ids}
    for bill in bills.values():
        assert (bill["status"], bill["usage_source"]) == (499, "estimated")
        (hold,) = [one["detail"] for one in bill["stages"] if one["stage"] == "reserve"]
        assert 0 < bill["cost_nano_usd"] <= hold["hold_nano_usd"]
        assert bill["usage"]["input_tokens"] > 0
    cost = sum(bill["cost_nano_usd"] for bill in bills.values())
    shown = daemon.admin.get(f"/-/keys/{key.id}").json()
    assert shown["credit_balance_nano_usd"] == CREDITS_NANO_USD - cost
    assert shown["credit_held_nano_usd"] == 0
    return bills


def _held(daemon: Daemon, key: Key) -> list[str]:
    """Return the ids of a key's running calls."""
    holds = daemon.admin.get("/-/ledger/holds", params={"limit": 500}).json()["data"]
    return [hold["id"] for hold in holds if hold["key_id"] == key.id]


@pytest.mark.parametrize("tokens", [0, 1, TOKENS // 2, TOKENS])
async def test_leaving_a_stream(
    daemon: Daemon, fake_process: FakeProcess, paying: Key, clients: int, tokens: int
) -> None:
    calls = [await _call(daemon, paying, tokens=TOKENS, hang=1 + tokens) for _ in range(clients)]
    left = await asyncio.gather(*(_leave_after(call, tokens) for call in calls))
    sent = _check_upstream(fake_process, left)
    assert set(sent.values()) == {tokens}
    for bill in _bills(daemon, paying, left).values():
        assert tokens <= bill["usage"]["output_tokens"] <= TOKENS
        if tokens <= TOKENS // 2:
            assert bill["usage"]["output_tokens"] < TOKENS


async def test_leaving_while_the_provider_goes_on(
    daemon: Daemon, fake_process: FakeProcess, paying: Key, clients: int
) -> None:
    calls = [await _call(daemon, paying, tokens=TOKENS, rate=20) for _ in range(clients)]
    left = await asyncio.gather(*(_leave_after(call, 3) for call in calls))
    sent = _check_upstream(fake_process, left)
    for id_, bill in _bills(daemon, paying, left).items():
        assert 3 <= sent[id_] < TOKENS
        assert 3 <= bill["usage"]["output_tokens"] < TOKENS
        assert bill["cost_nano_usd"] < FULL_NANO_USD


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_leaving_before_the_answer(
    start: StartDaemon, clients: int, *, is_stream: bool
) -> None:
    with scripted_vendor() as vendor:
        vendor["lorem"] = [FOR_EVER_S]
        own = start(SILENT.format(url=vendor.url))
        paying = own.create_key(credits=1)
        calls = [await _call(own, paying, is_stream=is_stream) for _ in range(clients)]
        await asyncio.to_thread(wait_for, lambda: len(vendor.bodies) == clients, "all are asked")
        await asyncio.to_thread(
            wait_for, lambda: len(_held(own, paying)) == clients, "all holds are written"
        )
        running = _held(own, paying)
        await asyncio.gather(*(call.aclose() for call in calls))
        await asyncio.to_thread(
            wait_for, lambda: vendor.let_go == clients, "it is let go", within_s=LET_GO_S
        )
    for bill in _bills(own, paying, running).values():
        assert bill["usage"]["output_tokens"] == 0
