"""What a prepaid call costs when its provider fails, or reports more than was held for it.

Two providers have the same model, so that a second try would show. A token in costs a dollar, a
token out two. What fails before any part of an answer is in ``tests/faults``.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.scripted_vendor import (
    FOR_EVER_S,
    STREAM_HEAD,
    ScriptedVendor,
    Step,
    delta,
    event,
    plain,
    scripted_vendor,
)

CREDITS = 1_000
MAX_TOKENS = 50
MOST_USD = 2 * MAX_TOKENS + 20
"""Over what is held for a call: its prompt has fewer than 20 tokens."""
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
COST_USD = 20
ERROR = event(error={"message": "broken", "type": "server_error"})
ROLE = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])

ENDS_EARLY: dict[str, list[Step]] = {
    "end": [],
    "reset": [None],
    "error": [ERROR],
    "hang": [FOR_EVER_S],
    "broken": [b"data: {\n\n"],
}
"""How a stream that has begun can fail."""

CONFIG = """
server: {{default_request_timeout: 1s, stream_idle_timeout: 1s}}
providers:
  first: {{type: openai, base_url: "{first}", models: [m]}}
  second: {{type: openai, base_url: "{second}", models: [m]}}
routing:
  failover: {{enabled: true}}
cost_tracking:
  custom_pricing:
    m: {{input_per_mtok: 1000000, output_per_mtok: 2000000}}
"""


def answer(*, is_stream: bool, completion_tokens: int = 5) -> list[Step]:
    usage = {**USAGE, "completion_tokens": completion_tokens}
    if not is_stream:
        return [plain({"choices": [{"message": {"content": "hi"}}], "usage": usage})]
    last = event(choices=[], usage=usage)
    return [STREAM_HEAD, delta("hi", "stop"), last, b"data: [DONE]\n\n"]


@pytest.fixture(scope="module")
def first() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def second() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as vendor:
        yield vendor


@dataclass(frozen=True)
class Gateway:
    """The daemon before both providers."""

    daemon: Daemon

    def call(self, key: Key, model: str, *, is_stream: bool) -> httpx2.Response:
        return self.daemon.chat(key, model, max_tokens=MAX_TOKENS, stream=is_stream)

    def credits(self, key: Key) -> tuple[float, float]:
        """Return what a key has and holds, in dollars."""
        shown = self.daemon.admin.get(f"/-/keys/{key.id}").json()
        return shown["credit_balance"], shown["credit_held"]

    def used(self, key: Key) -> list[dict[str, Any]]:
        """Return what a key has used, by provider."""
        query = {"key": key.id, "group_by": "provider"}
        rows: list[dict[str, Any]] = self.daemon.admin.get("/-/usage", params=query).json()["data"]
        return rows

    def account(self, key: Key) -> dict[str, Any]:
        listed = self.daemon.admin.get("/-/ledger/accounts", params={"limit": 500}).json()["data"]
        (found,) = [one for one in listed if one["id"] == f"key:{key.id}:credit"]
        return dict(found)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, first: ScriptedVendor, second: ScriptedVendor
) -> Iterator[Gateway]:
    config = CONFIG.format(first=first.url, second=second.url)
    running = start_daemon(tmp_path_factory.mktemp("money"), config)
    yield Gateway(running)
    verdict = running.admin.post("/-/ledger/verify").json()
    assert verdict["is_sound"], verdict
    assert stop_daemon(running) == 0, running.log


@pytest.mark.parametrize("fault", ENDS_EARLY)
def test_a_stream_that_fails_before_a_token_costs_nothing(
    gateway: Gateway, first: ScriptedVendor, fault: str
) -> None:
    first["m"] = [STREAM_HEAD, ROLE, *ENDS_EARLY[fault]]
    key = gateway.daemon.create_key(credits=CREDITS)
    said = gateway.call(key, "m", is_stream=True)
    assert '"error"' in said.text
    assert "[DONE]" not in said.text
    assert gateway.credits(key) == (CREDITS, 0)


@pytest.mark.parametrize("fault", ENDS_EARLY)
def test_a_stream_that_fails_later_costs_what_was_got(
    gateway: Gateway, first: ScriptedVendor, fault: str
) -> None:
    first["m"] = [STREAM_HEAD, delta("one"), delta("two"), *ENDS_EARLY[fault]]
    key = gateway.daemon.create_key(credits=CREDITS)
    said = gateway.call(key, "m", is_stream=True)
    assert "two" in said.text
    assert "[DONE]" not in said.text
    left, held = gateway.credits(key)
    assert held == 0
    (used,) = gateway.used(key)
    assert (used["provider"], used["requests"], used["estimated_requests"]) == ("first", 1, 1)
    assert used["output_tokens"] == 2
    assert CREDITS - left == used["cost"] == used["input_tokens"] + 2 * 2


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
def test_a_provider_that_reports_more_than_was_held(
    gateway: Gateway, first: ScriptedVendor, *, is_stream: bool
) -> None:
    first["m"] = answer(is_stream=is_stream, completion_tokens=3 * MAX_TOKENS)
    key = gateway.daemon.create_key(credits=MOST_USD)
    assert gateway.call(key, "m", is_stream=is_stream).status_code == 200
    cost = 10 + 2 * 3 * MAX_TOKENS
    assert gateway.credits(key) == (MOST_USD - cost, 0)
    account = gateway.account(key)
    held = cost - account["overrun"]
    assert 2 * MAX_TOKENS < held < MOST_USD
    assert account["posted"] == MOST_USD - cost < 0
    refused = gateway.call(key, "m", is_stream=is_stream)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_credits")
    gateway.daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": cost})
    first["m"] = answer(is_stream=is_stream)
    assert gateway.call(key, "m", is_stream=is_stream).status_code == 200
    assert gateway.credits(key) == (MOST_USD - COST_USD, 0)


def test_more_than_was_held_is_overspent_by_no_more(
    gateway: Gateway, first: ScriptedVendor
) -> None:
    first["m"] = [0.3, *answer(is_stream=False, completion_tokens=3 * MAX_TOKENS)]
    key = gateway.daemon.create_key(credits=5 * MOST_USD)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(gateway.call, key, "m", is_stream=False) for _ in range(8)]
        statuses = sorted(call.result().status_code for call in calls)
    assert statuses == [200] * 5 + [402] * 3
    account = gateway.account(key)
    assert account["posted"] == 5 * (MOST_USD - 310)
    assert account["posted"] + account["overrun"] >= 0
