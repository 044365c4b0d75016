"""No route to a model escapes identity, limits, cost or trace; each refuses in its own dialect.

The table is made of the hot routes themselves: one that is added is tested, or fails here.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from prismd.app import HOT
from prismd.endpoints.credentials import Policy
from tests.daemon_process import Daemon, Key, wait_for

MODEL = "fake/echo"
Body = dict[str, Any]

_TURN: Body = {"role": "user", "content": "Hello"}
BODIES: dict[str, Callable[[str], Body]] = {
    "/v1/chat/completions": lambda model: {"model": model, "messages": [_TURN]},
    "/v1/count_tokens": lambda model: {"model": model, "messages": [_TURN]},
    "/v1/completions": lambda model: {"model": model, "prompt": "Hello"},
    "/v1/messages": lambda model: {"model": model, "max_tokens": 50, "messages": [_TURN]},
    "/v1/messages/count_tokens": lambda model: {"model": model, "messages": [_TURN]},
}
GOOGLE: Body = {"contents": [{"parts": [{"text": "Hello"}]}]}
ROUTES = [route.path for route in HOT if route.policy is Policy.KEY]
SERVING = [path for path in ROUTES if "count" not in path.lower()]


def ask(daemon: Daemon, path: str, secret: str | None, model: str = MODEL, **more: Any) -> Any:
    body = BODIES[path](model) if path in BODIES else GOOGLE
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    url = path.replace("{model}", model)
    return daemon.admin.post(url, json=body | more, headers={"authorization": "", **headers})


def shape(path: str, body: Body) -> str:
    """Say in which dialect an error is."""
    error = body["error"]
    if isinstance(error.get("code"), int):
        return "google"
    return "anthropic" if body.get("type") == "error" else "openai"


def expected(path: str) -> str:
    return "google" if "{model}" in path else "anthropic" if "/messages" in path else "openai"


@pytest.mark.parametrize("path", ROUTES)
def test_who_is_nobody_or_may_not_is_refused_in_the_routes_own_dialect(
    daemon: Daemon, path: str
) -> None:
    blocked = daemon.create_key("blocked")
    daemon.put_key(blocked, status="blocked").raise_for_status()
    expired = daemon.create_key("expired", expires_at="2020-01-01T00:00:00Z")
    narrow = daemon.create_key("narrow", models=["fake/lorem"])
    wide = daemon.create_key("wide")
    cases = [
        (None, MODEL, 401),
        ("sk-prism-none", MODEL, 401),
        (daemon.admin_token, MODEL, 401),
        (expired.secret, MODEL, 401),
        (blocked.secret, MODEL, 403),
        (narrow.secret, MODEL, 403),
        (wide.secret, "nobody-has-this", 404),
    ]
    for secret, model, status in cases:
        answer = ask(daemon, path, secret, model)
        assert answer.status_code == status, answer.text
        assert shape(path, answer.json()) == expected(path)
        assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ROUTES)
def test_calls_per_minute_hold_everywhere(daemon: Daemon, path: str) -> None:
    key = daemon.create_key("slow", rate_limit_rpm=1)
    assert ask(daemon, path, key.secret).status_code == 200
    answer = ask(daemon, path, key.secret)
    assert answer.status_code == 429, answer.text
    assert shape(path, answer.json()) == expected(path)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", SERVING)
def test_credits_hold_everywhere(daemon: Daemon, path: str) -> None:
    key = daemon.create_key("poor", key_type="managed")
    answer = ask(daemon, path, key.secret)
    assert answer.status_code == 402, answer.text
    assert shape(path, answer.json()) == expected(path)


@pytest.mark.parametrize("path", SERVING)
def test_budgets_hold_everywhere(daemon: Daemon, path: str) -> None:
    key = daemon.create_key("spent", budgets=[{"limit": "0.000000001"}])
    answer = ask(daemon, path, key.secret)
    assert answer.status_code == 429, answer.text
    assert shape(path, answer.json()) == expected(path)
    assert "budget" in answer.text.lower()
    assert answer.headers["x-should-retry"] == "false"


def call_of(daemon: Daemon, request_id: str) -> dict[str, Any]:
    return daemon.trace(request_id)


@pytest.mark.parametrize("path", SERVING)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_every_answer_is_charged_and_traced(daemon: Daemon, path: str, *, stream: bool) -> None:
    key = daemon.create_key("payer", key_type="managed", credits=1)
    more: Body = {"stream": True} if stream and path in BODIES else {}
    answer = ask(daemon, path, key.secret, **more)
    assert answer.status_code == 200, answer.text
    trace = call_of(daemon, answer.headers["x-request-id"])
    assert trace["status"] == 200
    assert trace["cost_nano_usd"] > 0
    assert trace["dialect"].removeprefix("openai-completions") in ("", expected(path))
    rows = daemon.admin.get("/-/usage", params={"key": key.id, "group_by": "key"}).json()["data"]
    assert rows[0]["cost_nano_usd"] == trace["cost_nano_usd"]
    if not answer.headers["content-type"].startswith("text/event-stream") and not _is_array(path):
        assert float(answer.headers["x-prism-cost"]) > 0


def _is_array(path: str) -> bool:
    return path.endswith("streamGenerateContent")


@pytest.mark.parametrize("path", [path for path in ROUTES if path not in SERVING])
def test_counts_are_traced_and_cost_nothing(daemon: Daemon, key: Key, path: str) -> None:
    answer = ask(daemon, path, key.secret)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-prism-count-method"] in ("upstream", "estimate", "exact")
    trace = call_of(daemon, answer.headers["x-request-id"])
    assert (trace["op"], trace["status"], trace["cost_nano_usd"] or 0) == ("count_tokens", 200, 0)


def test_a_key_may_come_in_every_sdks_own_way(daemon: Daemon, key: Key) -> None:
    google = "/v1beta/models/fake/echo:generateContent"
    for headers in ({"x-api-key": key.secret}, {"x-goog-api-key": key.secret}, key.headers):
        with daemon.client(headers) as client:
            assert (
                client.post("/v1/messages", json=BODIES["/v1/messages"](MODEL)).status_code == 200
            )
            assert client.post(google, json=GOOGLE).status_code == 200
    with daemon.client() as client:
        assert client.post(f"{google}?key={key.secret}", json=GOOGLE).status_code == 200
    assert key.secret not in daemon.log


def test_who_watches_hears_of_every_call_and_count(daemon: Daemon, key: Key) -> None:
    with daemon.admin.stream("GET", "/-/events", params={"topics": "call", "key": key.id}) as feed:
        asked = [ask(daemon, path, key.secret) for path in ROUTES]
        asked += [ask(daemon, path, key.secret, stream=True) for path in SERVING if path in BODIES]
        told = (json.loads(line[5:]) for line in feed.iter_lines() if line.startswith("data:"))
        heard: dict[str, tuple[str, int]] = {}
        while len(heard) < len(asked):
            event = next(told)
            heard[event["request_id"]] = (event["model"], event["status"])
    assert heard == {answer.headers["x-request-id"]: (MODEL, 200) for answer in asked}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_anthropics_answers_name_the_request_in_their_way(
    daemon: Daemon, key: Key, path: str
) -> None:
    answers = [ask(daemon, path, key.secret), ask(daemon, path, key.secret, "nope")]
    if path in SERVING:
        answers.append(ask(daemon, path, key.secret, stream=True))
    for answer in answers:
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
    broken = ask(daemon, "/v1/messages", key.secret, "fake/lorem+tokens=20+cut=4", stream=True)
    last = json.loads(broken.text.rpartition("data: ")[2])
    assert last["request_id"] == broken.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1beta/models/{model}:generateContent"])
def test_a_fault_in_a_stream_is_told_and_nothing_stays_held(daemon: Daemon, path: str) -> None:
    key = daemon.create_key("broken", key_type="managed", credits=1)
    path = path.replace("generateContent", "streamGenerateContent")
    more: Body = {"stream": True} if path in BODIES else {}
    answer = ask(daemon, path, key.secret, "fake/lorem+tokens=20+cut=4", **more)
    assert answer.status_code == 200
    assert "error" in answer.text
    assert "Traceback" not in answer.text

    def free() -> bool:
        account = daemon.admin.get(f"/-/keys/{key.id}").json()
        return bool(account["credit_held_nano_usd"] == 0)

    assert wait_for(free, "no hold")
