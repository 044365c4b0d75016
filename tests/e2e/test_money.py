"""Money as a caller sees it: what a call costs, what is left, and why it is refused."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, wait_for
from tests.scripted_vendor import STREAM_HEAD, ScriptedVendor, delta, event, plain, scripted_vendor

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
SEEN = {"choices": [{"message": {"content": "hi"}}], "usage": USAGE}
VENDOR = """
providers:
  up: {{type: openai, base_url: "{url}", models: [priced, unpriced]{more}}}
cost_tracking:
  default_max_tokens: 700
  custom_pricing:
    priced: {{input_per_mtok: 1000000, output_per_mtok: 2000000}}
"""
"""A dollar per input token, two per output token."""


@pytest.fixture
def vendor() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as vendor:
        yield vendor


def sent(vendor: ScriptedVendor) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(vendor.bodies[-1])
    return body


def balance(daemon: Daemon, key: Key) -> tuple[int, int]:
    shown = daemon.admin.get(f"/-/keys/{key.id}").json()
    return shown["credit_balance_nano_usd"], shown["credit_held_nano_usd"]


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


# ── what a call costs ────────────────────────────────────────────────────────────────────────────


def test_an_answer_says_what_it_cost_and_what_is_left(daemon: Daemon) -> None:
    key = daemon.create_key(credits=1)
    answer = daemon.chat(key)
    cost_nano_usd = round(float(answer.headers["x-prism-cost"]) * 1e9)
    assert cost_nano_usd > 0
    assert balance(daemon, key) == (1_000_000_000 - cost_nano_usd, 0)
    assert float(answer.headers["x-prism-credits-remaining"]) == pytest.approx(
        1 - cost_nano_usd / 1e9
    )
    trace = daemon.trace(answer.headers["x-request-id"])
    assert trace["cost_nano_usd"] == cost_nano_usd
    assert sum(line["amount_pico_usd"] for line in trace["price_lines"]) == cost_nano_usd * 1000


@pytest.mark.parametrize(
    ("options", "headers", "is_told"),
    [
        ({"stream_options": {"include_usage": True}}, {}, True),
        ({}, {"x-prism-include-metadata": "true"}, True),
        ({}, {}, False),
        ({"stream_options": {"include_usage": False}}, {"x-prism-include-metadata": "0"}, False),
    ],
)
def test_a_stream_says_it_in_the_usage_chunk_when_that_is_wanted(
    daemon: Daemon, options: dict[str, Any], headers: dict[str, str], *, is_told: bool
) -> None:
    key = daemon.create_key(credits=1)
    answer = daemon.chat(key, stream=True, headers=headers, **options)
    told = [chunk["prism"] for chunk in events_of(answer) if "prism" in chunk]
    assert len(told) == is_told
    left, held = balance(daemon, key)
    assert held == 0
    if told:
        assert told[0]["cost_nano_usd"] == 1_000_000_000 - left
        assert told[0]["credits_remaining_nano_usd"] == left
        assert told[0]["request_id"] == answer.headers["x-request-id"]


# ── what may be spent ────────────────────────────────────────────────────────────────────────────


def test_a_call_that_cannot_be_paid_is_refused_before_anybody_is_asked(
    start: StartDaemon, vendor: ScriptedVendor
) -> None:
    daemon = start(VENDOR.format(url=vendor.url, more=""))
    key = daemon.create_key(credits=100)
    answer = daemon.chat(key, "priced", max_tokens=50)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (402, "insufficient_credits")
    assert (error["balance"], error["held"]) == (100, 0)
    assert error["needed"] > 100
    assert answer.headers["x-should-retry"] == "false"
    assert vendor.bodies == []
    assert balance(daemon, key) == (100_000_000_000, 0)


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_hold_is_enforced_at_the_vendor(
    start: StartDaemon, vendor: ScriptedVendor, *, is_stream: bool
) -> None:
    daemon = start(VENDOR.format(url=vendor.url, more=""))
    vendor["priced"] = [plain(SEEN)]
    if is_stream:
        usage = event(choices=[], usage=USAGE)
        vendor["priced"] = [STREAM_HEAD, delta("hi", "stop"), usage, b"data: [DONE]\n\n"]
    for fields in ({"credits": 5000}, {"budgets": [{"limit": 5000, "window": "total"}]}):
        key = daemon.create_key(**fields)
        answer = daemon.chat(key, "priced", stream=is_stream)
        assert answer.status_code == 200, answer.text
        assert sent(vendor)["max_tokens"] == 700
        daemon.chat(key, "priced", max_completion_tokens=9, stream=is_stream)
        assert "max_tokens" not in sent(vendor)
        held = daemon.trace(answer.headers["x-request-id"])["stages"]
        (reserved,) = [stage["detail"] for stage in held if stage["stage"] == "reserve"]
        assert 1_400 < reserved["hold_nano_usd"] / 1e9 < 1_420
    free = daemon.create_key()
    daemon.chat(free, "priced", stream=is_stream)
    assert "max_tokens" not in sent(vendor)


@pytest.mark.parametrize(
    ("rule", "managed", "byok"),
    [("deny_managed", 403, 200), ("deny", 403, 403), ("allow", 200, 200)],
)
def test_a_model_without_a_price(
    start: StartDaemon, vendor: ScriptedVendor, rule: str, managed: int, byok: int
) -> None:
    # A vendor on loopback costs nothing. This address reaches it, too, and is none of loopback's.
    url = vendor.url.replace("127.0.0.1", "0.0.0.0")
    config = VENDOR.format(url=url, more="") + f"  unknown_models: {rule}\n"
    daemon = start(config)
    vendor["unpriced"] = [plain(SEEN)]
    for fields, status in (
        ({"credits": 5}, managed),
        ({"budgets": [{"limit": 5}]}, managed),
        ({"budgets": [{"limit": 5, "hard": False}]}, byok),
        ({}, byok),
    ):
        answer = daemon.chat(daemon.create_key(**fields), "unpriced")
        assert answer.status_code == status
        assert "x-prism-cost" not in answer.headers
        if status == 403:
            assert answer.json()["error"]["code"] == "model_not_priced"
    (row,) = daemon.admin.get("/-/usage").json()["data"] or [{"unpriced_requests": 0}]
    assert row["unpriced_requests"] == [managed, managed, byok, byok].count(200)


def test_the_first_hard_budget_that_fails_is_named(daemon: Daemon) -> None:
    key = daemon.create_key(
        owner="dora",
        budgets=[{"limit": 1000, "window": "total"}, {"limit": 0.000001, "window": "monthly"}],
    )
    answer = daemon.chat(key)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (
        429,
        "budget_exceeded",
        "budgets",
    )
    assert (error["scope"], error["subject"], error["window"]) == ("key", key.id, "monthly")
    assert (error["limit"], error["spent"], error["held"]) == (0.000001, 0, 0)
    assert error["resets_at"].endswith("-01T00:00:00Z")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-should-retry"] == "false"


def test_a_soft_budget_lets_calls_through(daemon: Daemon) -> None:
    key = daemon.create_key(budgets=[{"limit": 0.000001, "window": "total", "hard": False}])
    assert daemon.chat(key).status_code == 200
    (budget,) = daemon.admin.get(f"/-/keys/{key.id}").json()["budgets"]
    assert (budget["state"], budget["held"]) == ("exceeded", 0)
    assert budget["spent_nano_usd"] > budget["limit_nano_usd"]


def test_tokens_per_minute_are_reserved_then_corrected(daemon: Daemon) -> None:
    key = daemon.create_key(rate_limit_tpm=200)
    # 150 can be used, so a second call does not fit beside it; few are, so one does after it.
    first = daemon.chat(key, max_tokens=150)
    assert first.status_code == 200
    assert daemon.chat(key, max_tokens=150).status_code == 200
    over = daemon.chat(key, max_tokens=250)
    error = over.json()["error"]
    assert (over.status_code, error["code"], error["param"]) == (
        429,
        "rate_limit_exceeded",
        "rate_limit_tpm",
    )
    assert over.headers["x-should-retry"] == "false"
    assert daemon.chat(key, "fake/lorem").status_code == 200, "a limit is chosen that fits"


def test_tags_of_the_key_win(daemon: Daemon) -> None:
    key = daemon.create_key(metadata={"team": "search"})
    answer = daemon.chat(key, headers={"x-prism-tags": "team=ads, env=dev"})
    assert daemon.trace(answer.headers["x-request-id"])["tags"] == {"team": "search", "env": "dev"}
    for wrong in (
        "team",
        "=x",
        "a=",
        ",".join(f"n{number}=1" for number in range(17)),
        "a" * 65 + "=1",
    ):
        refused = daemon.chat(key, headers={"x-prism-tags": wrong})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-prism-tags")


# ── a client that leaves ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_drained_provider_is_read_to_its_end(
    start: StartDaemon, vendor: ScriptedVendor, *, is_stream: bool
) -> None:
    daemon = start(VENDOR.format(url=vendor.url, more=", on_disconnect: drain"))
    key = daemon.create_key(credits=5000)
    vendor["priced"] = [0.5, plain(SEEN)]
    if is_stream:
        usage = event(choices=[], usage=USAGE)
        vendor["priced"] = [
            STREAM_HEAD,
            delta("hi"),
            0.5,
            delta("there", "stop"),
            usage,
            b"data: [DONE]\n\n",
        ]
    body = {"model": "priced", "messages": [{"role": "user", "content": "hi"}], "stream": is_stream}
    with daemon.client(key.headers) as client:
        if is_stream:
            with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                next(answer.iter_raw())
        else:
            with pytest.raises(httpx2.ReadTimeout):
                client.post("/v1/chat/completions", json=body, timeout=0.2)
    wait_for(lambda: balance(daemon, key) == (4_980_000_000_000, 0), "the whole answer is billed")
    (row,) = daemon.admin.get("/-/usage", params={"key": key.id}).json()["data"]
    assert (row["input_tokens"], row["output_tokens"]) == (10, 5)
