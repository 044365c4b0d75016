"""`POST /-/explain` says what a call would be told, and making it proves it right.

Each case is asked first and then done: status, code and words must be the same.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from prismd.gateway import Gateway
from prismd.kernel import clock
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.fake_process import FakeProcess
from tests.in_process import client_of, running_gateway

CONFIG = """
providers:
  fake: {{type: fake}}
  first: {{type: groq, base_url: "{elsewhere}", models: [shared]}}
  second: {{type: groq, base_url: "{fake_url}", models: [shared]}}
  third: {{type: groq, base_url: "{elsewhere}", models: [shared]}}
model_map: {{alias: fake/echo, unpriced: first/echo}}
routing: {{failover: {{enabled: true, max_attempts: 2}}}}
cost_tracking:
  custom_pricing:
    fake/lorem: {{input_per_mtok: 10, output_per_mtok: 10}}
"""
PROMPT, PROMPT_TOKENS = "HELLO", 9
"""Its capitals make it what a prompt of so many tokens can be at most: 12."""


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, fake_process: FakeProcess
) -> Iterator[Daemon]:
    """One with models that have prices and models that have none.

    A vendor on a loopback address is free, so one is reached over another address.
    """
    url = fake_process.url
    config = CONFIG.format(fake_url=url, elsewhere=url.replace("127.0.0.1", "0.0.0.0"))
    daemon = start_daemon(tmp_path_factory.mktemp("explain"), config)
    yield daemon
    stop_daemon(daemon)


@pytest.fixture
def gateway(running: Daemon) -> Iterator[Daemon]:
    """It without the budgets of the test before."""
    yield running
    for one in running.admin.get("/-/budgets").json()["data"]:
        running.admin.delete(f"/-/budgets/{one['id']}").raise_for_status()


def explain(daemon: Daemon, **question: Any) -> dict[str, Any]:
    answer = daemon.admin.post("/-/explain", json=question)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    rules = [step["rule"] for step in found["steps"]]
    assert len(rules) == 13
    if found["is_allowed"]:
        assert (found["status"], found["code"], found["decided_by"]) == (200, None, None)
        assert {step["state"] for step in found["steps"]} <= {"ok", "skipped"}
    else:
        place = rules.index(found["decided_by"])
        assert found["steps"][place]["state"] == "refused"
        assert {step["state"] for step in found["steps"][place + 1 :]} <= {"skipped"}
    return found


class Case(NamedTuple):
    """A call, and the rule that decides about it; None: none does."""

    rule: str | None
    key: Mapping[str, Any] = MappingProxyType({})
    model: str = "fake/echo"
    max_tokens: int | None = 20
    tools: tuple[str, ...] = ()
    tags: str = ""
    before: Callable[[Daemon, Key], object] = lambda *_: None


def calls(count: int, **fields: Any) -> Callable[[Daemon, Key], object]:
    return lambda daemon, key: [daemon.chat(key, **fields) for _ in range(count)]


def budget(scope: str, subject: str, **fields: Any) -> Callable[[Daemon, Key], None]:
    def make(daemon: Daemon, key: Key) -> None:
        body = {"scope": scope, "subject": subject or key.id, "limit": "0.00001", **fields}
        answer = daemon.admin.post("/-/budgets", json=body)
        assert answer.status_code == 201, answer.text

    return make


def status(value: str) -> Callable[[Daemon, Key], object]:
    return lambda daemon, key: daemon.put_key(key, status=value).raise_for_status()


LOREM = "fake/lorem"
CASES = {
    "free": Case(None),
    "mapped": Case(None, model="alias"),
    "limits with room": Case(
        None,
        {"rate_limit_rpm": 9, "rate_limit_tpm": 9_000, "max_concurrency": 9, "credits": 1},
        LOREM,
    ),
    "blocked": Case("key_status", before=status("blocked")),
    "revoked": Case("key_status", before=lambda d, k: d.admin.delete(f"/-/keys/{k.id}")),
    "expired": Case("key_status", {"expires_at": "2020-01-01T00:00:00Z"}),
    "address": Case("ip", {"allowed_ips": ["10.0.0.0/8"]}),
    "no address": Case("ip", {"allowed_ips": []}),
    "model": Case("model", {"models": ["fake/lo*"]}),
    "tool": Case("tools", {"allowed_tools": ["a"]}, tools=("a", "b")),
    "denied tool": Case("tools", {"denied_tools": ["b*"]}, tools=("a", "bb")),
    "allowed tool": Case(None, {"allowed_tools": ["a"]}, tools=("a",)),
    "no calls": Case("requests_per_minute", {"rate_limit_rpm": 0}),
    "calls used up": Case("requests_per_minute", {"rate_limit_rpm": 2}, before=calls(2)),
    "no call at once": Case("concurrency", {"max_concurrency": 0}),
    "unknown model": Case("plan", model="nobody-has-it"),
    "provider": Case("plan", {"providers": ["second"]}),
    "no price, credits": Case("price", {"credits": 1}, "unpriced"),
    "no price, billed elsewhere": Case(None, model="unpriced"),
    "no price, hard budget": Case("price", model="unpriced", before=budget("model", "unpriced")),
    "call over tokens per minute": Case("tokens_per_minute", {"rate_limit_tpm": 20}),
    "tokens used up": Case(
        "tokens_per_minute", {"rate_limit_tpm": 40}, before=calls(2, max_tokens=20)
    ),
    "tokens, none given": Case(None, {"rate_limit_tpm": 60}, max_tokens=None),
    "no credits": Case("credits", {"key_type": "managed"}, LOREM),
    "few credits": Case("credits", {"credits": "0.00031"}, LOREM),
    "just enough credits": Case(None, {"credits": "0.00032"}, LOREM),
    "credits, none given": Case("credits", {"credits": "0.1"}, LOREM, max_tokens=None),
    "budget of the key": Case("budget", model=LOREM, before=budget("key", "")),
    "budget of the owner": Case("budget", {"owner": "ann"}, LOREM, before=budget("owner", "ann")),
    "budget of the org": Case("budget", {"org_id": "o"}, LOREM, before=budget("org", "o")),
    "budget of a model": Case("budget", model=LOREM, before=budget("model", "fake/l*")),
    "budget of a tag": Case(
        "budget", model=LOREM, tags="team=red", before=budget("tag", "team=red")
    ),
    "budget of another tag": Case(
        None, model=LOREM, tags="team=blue", before=budget("tag", "team=red")
    ),
    "budget of the key's tag": Case(
        "budget", {"metadata": {"team": "red"}}, LOREM, before=budget("tag", "team=red")
    ),
    "soft budget": Case(None, model=LOREM, before=budget("key", "", hard=False)),
    "budget with room": Case(None, model=LOREM, before=budget("key", "", limit=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_the_call_then_gets(gateway: Daemon, name: str) -> None:
    case = CASES[name]
    key = gateway.create_key(**case.key)
    case.before(gateway, key)
    limit: dict[str, Any] = {} if case.max_tokens is None else {"max_tokens": case.max_tokens}
    question = {
        "key": key.id,
        "model": case.model,
        "ip": "127.0.0.1",
        "input_tokens": PROMPT_TOKENS,
        "tools": case.tools,
        "tags": dict(part.split("=") for part in case.tags.split(",") if part),
        **limit,
    }
    told = explain(gateway, **question)
    assert explain(gateway, **question)["decided_by"] == told["decided_by"] == case.rule
    fields = dict(limit)
    if case.tools:
        fields["tools"] = [{"type": "function", "function": {"name": name}} for name in case.tools]
    headers = {"x-prism-tags": case.tags} if case.tags else {}
    answer = gateway.chat(key, case.model, PROMPT, headers=headers, **fields)
    assert answer.status_code == told["status"], answer.text
    if case.rule is not None:
        error = answer.json()["error"]
        assert told["code"] == error["code"]
        assert _without_seconds(told["message"]) == _without_seconds(error["message"])
    else:
        first = next(target for target in told["targets"] if target["is_first"])
        assert answer.headers["x-prism-provider"] == first["provider"]


def _without_seconds(message: str) -> str:
    return message.partition(" Try again in ")[0]


def test_calls_that_run_take_the_slots(gateway: Daemon) -> None:
    key = gateway.create_key(max_concurrency=1)
    body = {"model": "fake/lorem+hang=2", "stream": True, "max_tokens": 500}
    body |= {"messages": [{"role": "user", "content": "Hello"}]}
    with ExitStack() as stack:
        client = stack.enter_context(gateway.client(key.headers))
        answer = stack.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
        lines = answer.iter_lines()
        next(lines)
        told = explain(gateway, key=key.id, model="fake/echo")
        assert told["decided_by"] == "concurrency"
        assert told["limits"]["concurrency_running"] == 1
        assert gateway.chat(key).status_code == told["status"] == 429


def test_there_is_no_room_for_one_more_call(start: StartDaemon) -> None:
    daemon = start("providers: {fake: {type: fake}}\nserver: {max_running_calls: 1}\n")
    key, body = daemon.create_key(), {"model": "fake/lorem+hang=2", "stream": True}
    body |= {"messages": [{"role": "user", "content": "Hello"}]}
    assert explain(daemon, key=key.id, model="fake/echo")["is_allowed"]
    with ExitStack() as stack:
        client = stack.enter_context(daemon.client(key.headers))
        answer = stack.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
        lines = answer.iter_lines()
        next(lines)
        told = explain(daemon, key=key.id, model="fake/echo")
        assert (told["decided_by"], told["status"]) == ("overload", 503)
        refused = daemon.chat(key)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["message"]) == (
            503,
            told["code"],
            told["message"],
        )
        shed = 'prism_shed_requests_total{reason="calls"} 1.0'
        assert shed in daemon.admin.get("/-/metrics").text, "the question was not counted"


async def test_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        running_gateway(tmp_path) as gateway,
        client_of(gateway, gateway.snapshot.admin_token.decode()) as client,
    ):
        key = (await client.post("/-/keys", json={"name": "k"})).json()
        monkeypatch.setattr(type(gateway.stores.state), "is_full", True)
        question = {"key": key["id"], "model": "fake/echo"}
        told = (await client.post("/-/explain", json=question)).json()
        chat = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {key['key']}"}
        answer = await client.post("/v1/chat/completions", json=chat, headers=headers)
    assert told["decided_by"] == "storage"
    assert answer.status_code == told["status"]
    assert answer.json()["error"]["code"] == told["code"]


# ── what it shows ────────────────────────────────────────────────────────────────────────────────


def test_the_rules_behind_the_one_that_refuses_are_told_too(gateway: Daemon) -> None:
    key = gateway.create_key(models=[], rate_limit_rpm=0, key_type="managed")
    told = explain(gateway, key=key.id, model=LOREM)
    assert told["decided_by"] == "model"
    steps = {step["rule"]: step for step in told["steps"]}
    would_be = {rule: step["detail"].get("would_be") for rule, step in steps.items()}
    assert would_be["requests_per_minute"] == would_be["credits"] == "refused"
    assert would_be["concurrency"] == would_be["plan"] == "ok"
    assert would_be["key_status"] is None
    assert steps["credits"]["detail"]["code"] == "insufficient_credits"


def test_targets_are_told_in_their_order_and_why_others_are_not_tried(gateway: Daemon) -> None:
    def places(**question: Any) -> list[tuple[Any, ...]]:
        told = explain(gateway, model="shared", **question)
        return [(target["provider"], target["place"]) for target in told["targets"]]

    told = explain(gateway, model="shared")
    assert places() == [("first", 1), ("second", 2), ("third", None)]
    assert "max" not in told["targets"][0]["reason"]
    assert "a call tries 2 at most" in told["targets"][2]["reason"]
    health = gateway.admin.get("/-/health/providers").json()["providers"]
    states = {one["id"]: one["state"] for one in health}
    assert all(target["state"] == states[target["provider"]] for target in told["targets"])
    bound = gateway.create_key(providers=["third", "second"])
    assert places(key=bound.id) == [("second", 1), ("third", 2), ("first", None)]
    managed = gateway.create_key(credits=1)
    told = explain(gateway, model="shared", key=managed.id)
    assert told["targets"][0]["provider"] == "second"
    assert "it has no price here" in told["targets"][1]["reason"]


def test_what_it_would_cost(gateway: Daemon) -> None:
    key = gateway.create_key(credits=1)
    told = explain(gateway, key=key.id, model=LOREM, input_tokens=1_000, max_tokens=100)
    assert told["cost"] == {
        "input_tokens": 1_000,
        "output_tokens": 100,
        "max_output_tokens": 100,
        "estimate": 0.011,
        "estimate_nano_usd": 11_000_000,
        "at_most": 0.024_91,
        "at_most_nano_usd": 24_910_000,
    }
    price = told["targets"][0]["price"]
    assert price == {"input_per_mtok": 10, "output_per_mtok": 10}
    assert told["targets"][0]["price_source"] == "config"
    assert told["limits"]["credit_balance"] == 1
    unlimited = explain(gateway, model=LOREM)["cost"]
    assert (unlimited["max_output_tokens"], unlimited["at_most"]) == (None, None)
    assert explain(gateway, model="unpriced")["cost"] is None
    assert explain(gateway, model="nobody-has-it")["cost"] is None


def test_without_a_key_only_what_concerns_everybody_is_asked(gateway: Daemon) -> None:
    told = explain(gateway, model=LOREM)
    skipped = {step["rule"] for step in told["steps"] if step["state"] == "skipped"}
    assert skipped == {
        *("key_status", "ip", "model", "tools", "concurrency"),
        *("requests_per_minute", "tokens_per_minute", "credits"),
    }
    assert set(told["limits"].values()) == {None}
    budget("model", LOREM)(gateway, gateway.create_key())
    assert explain(gateway, model=LOREM, max_tokens=100)["decided_by"] == "budget"


# ── nothing is counted ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = clock.monotonic_s()
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)


@pytest.mark.usefixtures("_stopped")
async def test_asking_changes_nothing(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as gateway:
        token = gateway.snapshot.admin_token.decode()
        async with client_of(gateway, token) as client:
            limits = {"rate_limit_rpm": 3, "rate_limit_tpm": 900, "max_concurrency": 1}
            body = {"name": "k", "credits": 1, "budgets": [{"limit": 1}], **limits}
            key = (await client.post("/-/keys", json=body)).json()
            other = (await client.post("/-/keys", json={"name": "o", **limits})).json()
            chat = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"authorization": f"Bearer {key['key']}"}
            made = await client.post("/v1/chat/completions", json=chat, headers=headers)
            assert made.status_code == 200
            before = _state(gateway)
            for asked in (key["id"], other["id"], None):
                for model in ("fake/echo", "fake/lorem", "nobody-has-it"):
                    for _ in range(3):
                        question = {"model": model, "key": asked}
                        answer = await client.post("/-/explain", json=question)
                        assert answer.status_code == 200
            assert _state(gateway) == before


def _state(gateway: Gateway) -> dict[str, str]:
    """Return everything that a call changes, as text."""
    return {
        "lanes": _text(gateway.limiter),
        "credits": _text(gateway.reserve._credits),
        "windows": _text(gateway.reserve._windows),
        "load": _text(gateway.load),
        "health": _text(gateway.health),
        "recorder": _text(gateway.recorder),
        "seq": str(gateway.bus._seq),
        "used": _text(gateway.last_used_s),
        "writes": str(gateway.stores.state.waiting_writes),
        "traces": str(len(gateway.stores.traces._waiting)),
    }


def _text(value: object) -> str:
    """Write down an object with everything in it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (str, int, float, bytes, type(None))):
        return repr(value)
    if hasattr(value, "__dict__"):
        return type(value).__name__ + _text(vars(value))
    if slots := getattr(type(value), "__slots__", None):
        return type(value).__name__ + _text({name: getattr(value, name) for name in slots})
    if hasattr(value, "__iter__"):
        return "[" + ", ".join(_text(one) for one in value) + "]"
    return repr(value)
