"""What a key may use and how often: its lists, its limits, and what the answers say of them."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, wait_for
from tests.fake_process import FakeProcess

# ── what a key may use ────────────────────────────────────────────────────────────────────────────


def refusal(daemon: Daemon, key: Key, model: str = "fake/echo", **fields: Any) -> dict[str, Any]:
    answer = daemon.chat(key, model, **fields)
    assert answer.status_code == 403, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert (error["type"], error["code"]) == ("permission_error", "permission_denied")
    return error


def models_of(daemon: Daemon, key: Key) -> set[str]:
    with daemon.client(key.headers) as client:
        return {model["id"] for model in client.get("/v1/models").json()["data"]}


def test_the_provider_list_is_enforced(daemon: Daemon) -> None:
    bound = daemon.create_key(providers=["mock"])
    assert daemon.chat(bound, "mock/echo").headers["x-prism-provider"] == "mock"
    assert refusal(daemon, bound, "fake/echo")["param"] == "provider"
    assert refusal(daemon, bound, "fake/echo", stream=True)["param"] == "provider"
    assert {model.partition("/")[0] for model in models_of(daemon, bound)} == {"mock"}
    with daemon.client(bound.headers) as client:
        assert client.get("/v1/models/fake/echo").status_code == 404


def test_the_model_list_is_enforced_everywhere(daemon: Daemon) -> None:
    bound = daemon.create_key(models=["fake/echo", "mock/l*"])
    assert models_of(daemon, bound) == {"fake/echo", "mock/lorem"}
    assert daemon.chat(bound, "fake/echo").status_code == 200
    assert daemon.chat(bound, "mock/lorem+tokens=3").status_code == 200
    assert refusal(daemon, bound, "fake/lorem")["param"] == "model"
    # Settings of the fake are part of the name: a pattern has to allow them.
    assert refusal(daemon, bound, "fake/echo+tokens=3")["param"] == "model"
    with daemon.client(bound.headers) as client:
        assert client.get("/v1/models/mock/lorem").status_code == 200
        hidden = client.get("/v1/models/fake/lorem")
        unknown = client.get("/v1/models/fake/nope")
        body = {"model": "fake/lorem", "messages": [{"role": "user", "content": "Hello"}]}
        assert client.post("/v1/count_tokens", json=body).status_code == 403
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("fake/lorem", "") == unknown.text.replace("fake/nope", "")


def test_empty_lists_permit_nothing(daemon: Daemon) -> None:
    for field, param in (("models", "model"), ("providers", "provider"), ("allowed_ips", "ip")):
        assert refusal(daemon, daemon.create_key(**{field: []}))["param"] == param
    assert models_of(daemon, daemon.create_key(models=[])) == set()


def test_tools(daemon: Daemon) -> None:
    def tool(name: str) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name}}

    bound = daemon.create_key(allowed_tools=["get_*"], denied_tools=["get_secret"])
    assert daemon.chat(bound, tools=[tool("get_weather")]).status_code == 200
    assert daemon.chat(bound).status_code == 200
    for offered in (
        {"tools": [tool("get_weather"), tool("shell")]},
        {"tools": [tool("get_secret")]},
        {"tools": [{"type": "custom", "custom": {"name": "shell"}}]},
        {"tools": [{"type": "web_search"}]},
        {"functions": [{"name": "shell"}]},
    ):
        assert refusal(daemon, bound, **offered)["param"] == "tool"


def test_no_header_says_where_a_caller_is(daemon: Daemon) -> None:
    """The socket's address counts; nobody is a trusted proxy unless the operator says so."""
    elsewhere = daemon.create_key(allowed_ips=["203.0.113.7"])
    for header in ("x-forwarded-for", "x-real-ip", "forwarded", "x-prism-client-ip"):
        answer = daemon.chat(elsewhere, headers={header: "203.0.113.7"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (403, "ip")
    here = daemon.create_key(allowed_ips=["127.0.0.0/8", "::1"])
    assert daemon.chat(here, headers={"x-forwarded-for": "203.0.113.7"}).status_code == 200


def test_no_header_chooses_the_provider(daemon: Daemon) -> None:
    bound = daemon.create_key(providers=["mock"])
    for spelling in ("x-prism-provider-lock", "x-agentcc-provider-lock"):
        answer = daemon.chat(bound, "mock/echo", headers={spelling: "fake"})
        assert answer.headers["x-prism-provider"] == "mock"


def test_trusted_proxies(start: StartDaemon, providers_yaml: str) -> None:
    proxy = start("ip_acl: {trusted_proxies: [127.0.0.1]}\n" + providers_yaml)
    bound = proxy.create_key(allowed_ips=["203.0.113.7"])
    told = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}
    assert proxy.chat(bound, headers=told).status_code == 200
    forged = {"x-forwarded-for": "203.0.113.7, 198.51.100.1"}
    assert proxy.chat(bound, headers=forged).status_code == 403
    assert proxy.chat(bound).status_code == 403


def test_a_model_is_owned_by_the_provider_that_the_key_may_use(
    start: StartDaemon, fake_process: FakeProcess
) -> None:
    both = "".join(
        f"  {name}: {{type: vllm, base_url: '{fake_process.url}', models: [echo]}}\n"
        for name in ("one", "two")
    )
    daemon = start("providers:\n" + both)
    owners = {}
    for allowed in (["one"], ["two"], None):
        with daemon.client(daemon.create_key(providers=allowed).headers) as client:
            (listed,) = client.get("/v1/models").json()["data"]
            assert client.get("/v1/models/echo").json() == listed
            owners[str(allowed)] = listed["owned_by"]
    assert owners == {"['one']": "one", "['two']": "two", "None": "one"}


# ── limits and their headers ──────────────────────────────────────────────────────────────────────

RATE_HEADERS = (
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
)


def test_every_answer_to_a_limited_key_says_where_it_stands(daemon: Daemon) -> None:
    limited = daemon.create_key(rate_limit_rpm=7, models=["fake/*", "mock/*"])
    answers = [
        (200, daemon.chat(limited)),
        (200, daemon.chat(limited, stream=True)),
        (400, daemon.chat(limited, n="two")),
        (403, daemon.chat(limited, "nope")),
        (404, daemon.chat(limited, "fake/nope")),
        (400, daemon.chat(limited, "mock/echo+status=400")),
        (502, daemon.chat(limited, "mock/echo+status=500")),
    ]
    with daemon.client(limited.headers) as client:
        answers += [
            (200, client.get("/v1/models")),
            (404, client.get("/v1/models/fake/nope")),
            (400, client.post("/v1/count_tokens", json={})),
        ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        for name in RATE_HEADERS:
            assert int(answer.headers[name]) >= 0
        assert answer.headers["x-ratelimit-limit-requests"] == "7"
    # What was refused before it could cost anything was not counted.
    left = daemon.chat(limited).headers["x-ratelimit-remaining-requests"]
    assert int(left) == 7 - len([200, 200, 404, 400, 502]) - 1


def test_a_refused_call_says_when_to_come_again(daemon: Daemon) -> None:
    limited = daemon.create_key(rate_limit_rpm=1)
    assert daemon.chat(limited).status_code == 200
    with daemon.client(limited.headers) as client:
        body = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
        counted = client.post("/v1/count_tokens", json=body)
    for answer in (daemon.chat(limited), daemon.chat(limited, stream=True), counted):
        assert answer.status_code == 429
        assert answer.json()["error"]["type"] == "rate_limit_error"
        assert answer.json()["error"]["param"] == "rate_limit_rpm"
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-ratelimit-remaining-requests"] == "0"


def test_a_limit_of_nothing(daemon: Daemon) -> None:
    for field in ("rate_limit_rpm", "max_concurrency"):
        answer = daemon.chat(daemon.create_key(**{field: 0}))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1


async def call_at_once(daemon: Daemon, key: Key, calls: int, model: str) -> list[httpx2.Response]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    limits = httpx2.Limits(max_connections=50)
    async with httpx2.AsyncClient(
        base_url=daemon.url, headers=key.headers, timeout=20, limits=limits, verify=False
    ) as client:
        posts = [client.post("/v1/chat/completions", json=body) for _ in range(calls)]
        return await asyncio.gather(*posts)


@pytest.mark.parametrize("model", ["fake/echo", "mock/echo"])
async def test_calls_per_minute_are_exact(daemon: Daemon, model: str) -> None:
    limited = daemon.create_key(rate_limit_rpm=50)
    answers = await call_at_once(daemon, limited, 200, model)
    assert Counter(answer.status_code for answer in answers) == {200: 50, 429: 150}
    remaining = [
        int(answer.headers["x-ratelimit-remaining-requests"])
        for answer in answers
        if answer.status_code == 200
    ]
    assert sorted(remaining) == list(range(50))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(0 < int(answer.headers["retry-after"]) <= 60 for answer in refused)


def test_a_raised_limit_keeps_what_was_counted(daemon: Daemon) -> None:
    limited = daemon.create_key(rate_limit_rpm=2)
    assert [daemon.chat(limited).status_code for _ in range(3)] == [200, 200, 429]
    daemon.put_key(limited, rate_limit_rpm=3).raise_for_status()
    assert [daemon.chat(limited).status_code for _ in range(2)] == [200, 429]
    daemon.put_key(limited, rate_limit_rpm=1).raise_for_status()
    answer = daemon.chat(limited)
    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    daemon.put_key(limited, rate_limit_rpm=None).raise_for_status()
    assert daemon.chat(limited).status_code == 200


def test_calls_at_once(daemon: Daemon) -> None:
    limited = daemon.create_key(max_concurrency=2)
    body = {
        "model": "mock/lorem+hang=1",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    with daemon.client(limited.headers) as client, ExitStack() as hanging:
        for _ in range(2):
            held = hanging.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
            assert held.status_code == 200
        third = daemon.chat(limited)
        assert third.status_code == 429
        assert third.json()["error"]["param"] == "max_concurrency"
        assert int(third.headers["retry-after"]) >= 1
        daemon.put_key(limited, max_concurrency=3).raise_for_status()
        assert daemon.chat(limited).status_code == 200
        daemon.put_key(limited, max_concurrency=1).raise_for_status()
        assert daemon.chat(limited).status_code == 429
    wait_for(lambda: daemon.chat(limited).status_code == 200, "the slots are free again")


def test_a_failed_call_gives_its_slot_back(daemon: Daemon) -> None:
    limited = daemon.create_key(max_concurrency=1)
    for model in ("fake/nope", "mock/echo+status=500", "mock/echo+cut=0", "fake/echo+malformed=1"):
        assert daemon.chat(limited, model).status_code in (404, 502)
    assert daemon.chat(limited).status_code == 200
