"""A call that was kept can be made again, changed: by the rules, at the price, with a trace."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from prismd.endpoints.admin.replay import similarity
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.fake_process import FakeProcess

CONFIG = """
providers:
  fake: {{type: fake}}
  mock: {{type: fake, base_url: "{url}", models: [echo, lorem]}}
  mirror: {{type: groq, base_url: "{url}", models: [echo]}}
logging: {{request_logging: {{include_bodies: true}}}}
cost_tracking:
  custom_pricing:
    mock/echo: {{input_per_mtok: 1000, output_per_mtok: 1000}}
    fake/echo: {{input_per_mtok: 1000, output_per_mtok: 1000}}
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, fake_process: FakeProcess
) -> Iterator[Daemon]:
    config = CONFIG.format(url=fake_process.url)
    running = start_daemon(tmp_path_factory.mktemp("replay"), config)
    yield running
    stop_daemon(running)


def made(daemon: Daemon, key: Key, *args: Any, **fields: Any) -> str:
    answer = daemon.chat(key, *args, **fields)
    return answer.headers["x-request-id"]


def post(daemon: Daemon, request_id: str, **changes: Any) -> httpx2.Response:
    return daemon.admin.post(f"/-/requests/{request_id}/replay", json=changes)


def replay(daemon: Daemon, request_id: str, **changes: Any) -> dict[str, Any]:
    answer = post(daemon, request_id, **changes)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["replay"]["id"] == found["id"] != request_id == found["original"]["id"]
    return found


def replays_of(daemon: Daemon, request_id: str) -> list[dict[str, Any]]:
    """Return what the audit log has of them."""
    wanted = {"action": "request.replayed", "object_id": request_id}
    entries: list[dict[str, Any]] = daemon.admin.get("/-/audit", params=wanted).json()["data"]
    return entries


def test_the_same_call_once_more(gateway: Daemon, fake_process: FakeProcess) -> None:
    key = gateway.create_key(credits=1, metadata={"team": "red"})
    first = made(gateway, key, "mock/echo", "Hello there", temperature=0.5, max_tokens=50)
    spent = gateway.admin.get(f"/-/keys/{key.id}").json()["credit_balance_nano_usd"]
    found = replay(gateway, first)
    before, after, difference = found["original"], found["replay"], found["difference"]
    assert before["text"] == after["text"] == "Hello there"
    assert after["error"] is None
    assert (after["status"], after["provider"], after["is_stream"]) == (200, "mock", False)
    assert after["tags"] == {"team": "red", "prism-replay": first}
    assert difference["is_same_text"] is True
    assert difference["text_similarity"] == 1
    assert difference["cost"] == difference["input_tokens"] == difference["output_tokens"] == 0
    # It was paid for, by the key.
    now = gateway.admin.get(f"/-/keys/{key.id}").json()["credit_balance_nano_usd"]
    assert spent - now == after["cost_nano_usd"] > 0
    # The vendor was sent the same once more.
    assert gateway.admin.get(f"/-/requests/{found['id']}").json()["key_id"] == key.id
    kept = gateway.admin.get(f"/-/requests/{found['id']}", params={"bodies": True}).json()
    assert kept["request_body"]["temperature"] == 0.5
    assert kept["request_body"]["max_tokens"] == 50


def test_a_stream_is_compared_with_a_whole_answer(gateway: Daemon) -> None:
    key = gateway.create_key()
    options = {"include_usage": True}
    first = made(gateway, key, text="Hello", stream=True, stream_options=options)
    found = replay(gateway, first)
    assert found["original"]["is_stream"] is True
    assert found["replay"]["is_stream"] is False
    assert found["difference"]["is_same_text"] is True


def test_on_another_model_with_other_settings(gateway: Daemon) -> None:
    key = gateway.create_key()
    first = made(gateway, key, text="Hello")
    found = replay(gateway, first, model="fake/lorem", set={"max_tokens": 7, "user": None})
    assert found["replay"]["model"] == "fake/lorem"
    assert found["replay"]["usage"]["output_tokens"] == 7
    assert found["difference"]["is_same_text"] is False
    assert 0 <= found["difference"]["text_similarity"] < 1
    assert found["difference"]["output_tokens"] != 0
    assert found["difference"]["cost"] is not None


@pytest.mark.parametrize(
    ("model", "provider", "is_named"),
    [
        ("mock/echo", "mock", "mock/echo"),
        ("mock/echo", "fake", "fake/echo"),
        ("fake/echo", "mirror", "mirror/echo"),
    ],
)
def test_on_another_provider(gateway: Daemon, model: str, provider: str, is_named: str) -> None:
    key = gateway.create_key()
    found = replay(gateway, made(gateway, key, model), provider=provider)
    assert found["replay"]["provider"] == provider, found["replay"]["error"]
    assert found["replay"]["model"] == is_named


def test_a_key_of_another_pays(gateway: Daemon) -> None:
    first = made(gateway, gateway.create_key())
    payer = gateway.create_key(credits=100, owner="ann")
    found = replay(gateway, first, key=payer.id)
    assert (found["replay"]["key_id"], found["replay"]["owner"]) == (payer.id, "ann")
    left = gateway.admin.get(f"/-/keys/{payer.id}").json()["credit_balance_nano_usd"]
    assert 100 * 10**9 - left == found["replay"]["cost_nano_usd"] > 0


@pytest.mark.parametrize(
    ("limits", "changes", "status", "code"),
    [
        ({"models": ["fake/echo"]}, {"model": "fake/lorem"}, 403, "permission_denied"),
        ({"providers": ["fake"]}, {"provider": "mirror"}, 403, "permission_denied"),
        ({"rate_limit_rpm": 1}, {}, 429, "rate_limit_exceeded"),
        ({"credits": "0.02"}, {"set": {"max_tokens": 500}}, 402, "insufficient_credits"),
        ({}, {"model": "nobody-has-it"}, 404, "model_not_found"),
        ({}, {"model": "fake/echo+status=500"}, 502, "provider_500"),
    ],
)
def test_the_rules_are_those_of_any_call(
    gateway: Daemon, limits: Any, changes: Any, status: int, code: str
) -> None:
    key = gateway.create_key(**limits)
    first = made(gateway, key, max_tokens=5)
    found = replay(gateway, first, **changes)
    error = found["replay"]["error"]
    assert (error["status"], error["code"]) == (status, code), error
    assert found["replay"]["text"] is None
    assert found["replay"]["status"] == status
    assert found["difference"]["text_similarity"] is None
    assert gateway.admin.get(f"/-/requests/{found['id']}").json()["error_code"] == code


def test_it_is_an_action_of_the_operator(gateway: Daemon) -> None:
    key, payer = gateway.create_key(), gateway.create_key()
    first = made(gateway, key)
    found = replay(gateway, first, key=payer.id, model="fake/lorem")
    [entry] = replays_of(gateway, first)
    assert entry["changes"] == {
        "replay": [None, found["id"]],
        "key_id": [key.id, payer.id],
        "model": ["fake/echo", "fake/lorem"],
    }


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"key": "key_none"}, 404, "key_not_found", "key"),
        ({"provider": "nobody"}, 400, "unknown_provider", "provider"),
        ({"set": {"model": "x"}}, 400, "invalid_value", "set.model"),
        ({"set": {"stream": True}}, 400, "invalid_value", "set.stream"),
        ({"set": {"temperature": "hot"}}, 400, "invalid_type", "temperature"),
        ({"set": {"messages": []}}, 400, "missing_messages", "messages"),
        ({"set": 7}, 400, "invalid_value", "set"),
        ({"model": ""}, 400, "invalid_value", "model"),
        ({"colour": 1}, 400, "unknown_field", "colour"),
    ],
)
def test_what_cannot_be_asked_for(
    gateway: Daemon, changes: Any, status: int, code: str, param: str
) -> None:
    key = gateway.create_key()
    first = made(gateway, key)
    answer = post(gateway, first, **changes)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert not replays_of(gateway, first)
    calls = gateway.admin.get("/-/requests", params={"key": key.id}).json()["data"]
    assert [call["id"] for call in calls] == [first]


def test_a_key_that_may_not_be_used_does_not_pay(gateway: Daemon) -> None:
    key = gateway.create_key()
    first = made(gateway, key)
    gateway.admin.delete(f"/-/keys/{key.id}").raise_for_status()
    answer = post(gateway, first)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_not_usable")
    assert replay(gateway, first, key=gateway.create_key().id)["replay"]["error"] is None


def test_a_call_that_is_not_there(gateway: Daemon) -> None:
    answer = post(gateway, "req_none")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request_not_found")


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        (None, "a", None, None),
        ("", "", 1, 1),
        ("abc", "abd", 0.6, 0.7),
        ("abc", "", 0, 0),
        ("one two three " * 100, "one two four " * 100, 0.5, 0.99),
        ("a " * 500_000, "a b " * 250_000, 0, 1),
    ],
)
def test_how_alike_texts_are(
    one: str | None, other: str | None, least: float | None, most: float | None
) -> None:
    found = similarity(one, other)
    if least is None or most is None:
        assert found is None
    else:
        assert found is not None
        assert least <= found <= most
