"""`GET /-/requests`: the calls of the last days, newest first, found by what they were."""

import contextlib
import time
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, kill_daemon

CONFIG = """
providers:
  fake: {type: fake}
cost_tracking:
  custom_pricing:
    fake/lorem: {input_per_mtok: 1, output_per_mtok: 1000}
"""
HELLO = [{"role": "user", "content": "Hello"}]


def ids(daemon: Daemon, **params: Any) -> list[str]:
    answer = daemon.admin.get("/-/requests", params=params)
    assert answer.status_code == 200, answer.text
    return [call["id"] for call in answer.json()["data"]]


def made(daemon: Daemon, key: Key, *args: Any, **fields: Any) -> str:
    return daemon.chat(key, *args, **fields).headers["x-request-id"]


def test_calls_are_found_by_what_they_were(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    ann = daemon.create_key("ann's", owner="ann", org_id="org_1")
    bob = daemon.create_key("bob's", models=["fake/*", "nope"], rate_limit_rpm=4)
    plain = made(daemon, ann)
    streamed = made(daemon, ann, "fake/lorem", stream=True, max_tokens=40)
    slow = made(daemon, bob, "fake/echo+latency=300ms")
    unknown = made(daemon, bob, "nope")
    failed = made(daemon, bob, "fake/echo+status=500")
    refused = made(daemon, bob, "other")
    limited = [made(daemon, bob) for _ in range(2)][-1]

    newest_first = ids(daemon)
    assert newest_first[0] == limited
    assert newest_first[-3:] == [slow, streamed, plain]
    assert len(newest_first) == 8
    assert ids(daemon, key=ann.id) == ids(daemon, owner="ann") == [streamed, plain]
    assert ids(daemon, org="org_1", model="fake/lorem") == [streamed]
    assert ids(daemon, org="org_1", model="fake/l*") == [streamed]
    assert ids(daemon, owner="ann", model="*") == [streamed, plain]
    assert ids(daemon, provider="fake", status="2XX", key=bob.id)[-1] == slow
    assert ids(daemon, status="404, 403") == [refused, unknown]
    assert ids(daemon, status="5xx") == [failed]
    assert ids(daemon, error_code="rate_limit_exceeded") == [limited]
    assert ids(daemon, stream=True) == [streamed]
    assert streamed not in ids(daemon, stream=False)
    assert ids(daemon, min_cost="0.001") == [streamed]
    assert slow in ids(daemon, min_latency=250)
    assert plain not in ids(daemon, min_latency=250)
    assert ids(daemon, since="1h") == newest_first
    assert ids(daemon, until="1h") == []
    assert ids(daemon, key="key_of_nobody") == []


def test_an_entry_is_the_trace_without_its_details(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key("named")
    made(daemon, key, "fake/lorem", max_tokens=5)
    [entry] = daemon.admin.get("/-/requests").json()["data"]
    whole = daemon.admin.get(f"/-/requests/{entry['id']}").json()
    assert entry["key_name"] == "named"
    assert entry["attempts"] == len(whole["attempts"]) == 1
    details = {"attempts", "price_lines", "stages"}
    assert {name for name in whole if whole[name] != entry.get(name)} == details
    assert entry["cost_nano_usd"] > 0


def test_pages_follow_each_other_without_gaps(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key()
    calls = [made(daemon, key, text=str(n)) for n in range(7)][::-1]
    found: list[str] = []
    after = None
    for is_last in (False, False, True):
        params = {"limit": 3} | ({"after": after} if after else {})
        page = daemon.admin.get("/-/requests", params=params).json()
        found += [call["id"] for call in page["data"]]
        assert (page["first_id"], page["last_id"]) == (found[-len(page["data"])], found[-1])
        assert page["has_more"] is not is_last
        assert page["is_complete"]
        assert page["continue_after"] == (None if is_last else found[-1])
        after = page["continue_after"]
        made(daemon, key, text="a new one moves nothing")
    assert found == calls


@pytest.mark.parametrize("nothing", ["req_", "x", "'; DROP TABLE requests; --"])
def test_a_page_begins_after_a_call_that_is_there(daemon: Daemon, nothing: str) -> None:
    answer = daemon.admin.get("/-/requests", params={"after": nothing})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "after"


def test_a_call_that_a_crash_cut_is_found_at_the_next_start(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    key = daemon.create_key(credits=1)
    body = {"model": "fake/lorem+tokens=1000+rate=20", "stream": True, "messages": HELLO}
    began_s = time.time()
    with (
        contextlib.suppress(httpx2.TransportError),
        daemon.admin.stream(
            "POST", "/v1/chat/completions", json=body, headers=key.headers
        ) as answer,
    ):
        lines = answer.iter_lines()  # kept: when it is let go of, the connection is closed
        assert next(lines).startswith("data: ")
        kill_daemon(daemon)
    cut = answer.headers["x-request-id"]
    most_ms = (time.time() - began_s) * 1000
    daemon = start(CONFIG)
    assert ids(daemon) == ids(daemon, status="5xx", error_code="gateway_crashed") == [cut]
    call = daemon.admin.get(f"/-/requests/{cut}").json()
    assert call["attempts"] == [
        {"provider": "fake", "model": "lorem+tokens=1000+rate=20", "status": None,
         "outcome": "gateway_crashed"},
    ]  # fmt: skip
    assert (call["is_complete"], call["usage_source"], call["stages"]) == (False, "recovered", [])
    assert Decimal(call["cost"]) > 0
    assert 0 <= call["latency_ms"] <= most_ms  # not the time until the next start
