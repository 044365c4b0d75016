"""`GET /-/openapi.json` is true: every answer fits its schema, every route is in it, no other."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from prismd.app import HOT
from prismd.rooms import ROOMS, methods_of
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}


@pytest.fixture(scope="module")
def document(daemon: Daemon) -> dict[str, Any]:
    answer = daemon.admin.get("/-/openapi.json")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """Let no schema of ours have fields that it does not name: what is sent must be described."""
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def schema_errors(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def assert_described(
    document: dict[str, Any], path: str, answer: httpx2.Response, *, status: str | None = None
) -> None:
    method = answer.request.method.lower()
    responses = document["paths"][path][method]["responses"]
    said = responses[status or str(answer.status_code)]["content"]
    content_type = answer.headers["content-type"].partition(";")[0]
    assert content_type in said
    if content_type == "application/json":
        found = schema_errors(document, said[content_type]["schema"], answer.json())
        assert not found, found


# ── the document ─────────────────────────────────────────────────────────────────────────────────


def test_every_served_route_is_in_it_and_nothing_else(
    daemon: Daemon, document: dict[str, Any]
) -> None:
    listed = daemon.admin.get("/-/capabilities").json()["endpoints"]
    assert set(operations(document)) == {(one["method"], one["path"]) for one in listed}
    served = {
        (method, route.path.replace(":path}", "}"))
        for room in ROOMS
        for route in room.routes
        if isinstance(route, APIRoute)
        for method in methods_of(route)
    }
    assert set(operations(document)) - served == {(route.method, route.path) for route in HOT}


def test_it_names_the_credential_of_each_route(daemon: Daemon, document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme.get("scheme") or scheme["in"] for name, scheme in schemes.items()} == {
        "key": "bearer",
        "x-api-key": "header",
        "x-goog-api-key": "header",
        "key-in-query": "query",
        "admin": "bearer",
    }
    places: Any = [{"key": []}, {"x-api-key": []}, {"x-goog-api-key": []}]
    wanted: dict[str, Any] = {"public": [], "key": places, "admin": [{"admin": []}]}
    for one in daemon.admin.get("/-/capabilities").json()["endpoints"]:
        operation = operations(document)[one["method"], one["path"]]
        is_googles = one["path"].startswith("/v1beta/") or "{model}:" in one["path"]
        in_query: Any = [{"key-in-query": []}] if is_googles else []
        assert operation["security"] == wanted[one["policy"]] + in_query


def test_it_is_well_formed(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))
    for operation in operations(document).values():
        assert operation["summary"]
        assert "422" not in operation["responses"]  # ours are 400
        assert operation["responses"]["default"]["content"]["application/json"]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(_references(document))
    for reference in references:
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind], reference
    unused = set(document["components"]["schemas"]) - {one.split("/")[-1] for one in references}
    assert unused == set()


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _references(one)


def test_path_parameters_are_declared(document: dict[str, Any]) -> None:
    for (_, path), operation in operations(document).items():
        in_path = set(re.findall(r"{(\w+)}", path))
        declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert declared == in_path


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def busy_key(daemon: Daemon) -> Key:
    """A key with every field set, which has made calls of every kind of outcome."""
    key = daemon.create_key(
        owner="ann",
        org_id="org_1",
        models=["fake/*", "mock/*", "nope"],
        providers=["fake", "mock"],
        metadata={"a": "b"},
        credits="1.000000001",
        rate_limit_rpm=1000,
        rate_limit_tpm=1_000_000,
        max_concurrency=10,
        allowed_ips=["127.0.0.1"],
        allowed_tools=["x"],
        denied_tools=["y"],
        expires_at="2099-01-01T00:00:00Z",
        budgets=[{"limit": "0.5", "window": "daily"}],
    )
    for model in ("fake/echo", "mock/echo", "nope", "mock/echo+status=500", "mock/echo+cut=0"):
        daemon.chat(key, model)
    return key


PAGES = [
    ("/-/keys", "/-/keys?limit=3"),
    ("/-/models", "/-/models"),
    ("/-/prices", "/-/prices"),
    ("/-/usage", "/-/usage"),
    ("/-/usage", "/-/usage?group_by=key,owner,org,model,provider,day&since=24h"),
    ("/-/usage", "/-/usage?group_by="),
    ("/-/usage", "/-/usage?group_by=tag,day&org=org_1&owner=ann&tag=a=b"),
    ("/-/usage", "/-/usage?group_by=key&format=csv"),
    ("/-/requests", "/-/requests"),
    ("/-/doctor", "/-/doctor?probe=true"),
    ("/-/ledger/accounts", "/-/ledger/accounts"),
    ("/-/ledger/postings", "/-/ledger/postings?since=24h"),
    ("/-/budgets", "/-/budgets"),
    ("/-/capabilities", "/-/capabilities"),
    ("/-/config", "/-/config"),
    ("/-/metrics", "/-/metrics"),
    ("/-/health/providers", "/-/health/providers"),
    ("/-/openapi.json", "/-/openapi.json"),
    ("/healthz", "/healthz"),
    ("/livez", "/livez"),
    ("/readyz", "/readyz"),
]


@pytest.mark.parametrize(("path", "url"), PAGES)
def test_pages(
    daemon: Daemon, document: dict[str, Any], busy_key: Key, path: str, url: str
) -> None:
    answer = daemon.admin.get(url)
    assert answer.status_code == 200, answer.text
    assert_described(closed(document), path, answer)


def test_keys(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    document = closed(document)
    at = f"/-/keys/{busy_key.id}"
    made = daemon.admin.post("/-/keys", json={"name": "plain"})
    assert_described(document, "/-/keys", made)
    assert_described(document, "/-/keys/{key_id}", daemon.admin.get(at))
    changed = daemon.admin.put(at, json={"metadata": {"c": "d"}})
    assert changed.status_code == 200
    assert_described(document, "/-/keys/{key_id}", changed)
    added = daemon.admin.post(f"{at}/credits", json={"amount": 0.5})
    assert added.status_code == 200
    assert_described(document, "/-/keys/{key_id}/credits", added)
    revoked = daemon.admin.delete(f"/-/keys/{made.json()['id']}")
    assert_described(document, "/-/keys/{key_id}", revoked)


def test_credits(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    history = daemon.admin.get(f"/-/keys/{busy_key.id}/credits")
    assert history.json()["data"]
    assert_described(closed(document), "/-/keys/{key_id}/credits", history)


def test_budgets(daemon: Daemon, document: dict[str, Any]) -> None:
    document = closed(document)
    body = {"scope": "tag", "subject": "described=yes", "limit": 1, "window": "total"}
    made = daemon.admin.post("/-/budgets", json=body)
    assert made.status_code == 201, made.text
    assert_described(document, "/-/budgets", made)
    at, path = f"/-/budgets/{made.json()['id']}", "/-/budgets/{budget_id}"
    assert_described(document, path, daemon.admin.get(at))
    assert_described(document, path, daemon.admin.put(at, json={"limit": 2, "hard": False}))
    assert_described(document, f"{path}/reset", daemon.admin.post(f"{at}/reset"))
    removed = daemon.admin.delete(at)
    assert removed.status_code == 200
    assert_described(document, path, removed)


def test_the_ledger(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    """A call that runs has a hold, and the ledger is sound meanwhile."""
    document = closed(document)
    body = {"model": "fake/lorem+hang=2", "stream": True, "max_tokens": 500}
    body |= {"messages": [{"role": "user", "content": "Hello"}]}
    url = "/v1/chat/completions"
    with daemon.admin.stream("POST", url, json=body, headers=busy_key.headers) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()  # kept: when it is let go of, the connection is closed
        next(lines)
        with daemon.client(dict(daemon.admin.headers)) as other:
            held = other.get("/-/ledger/holds")
            verdict = other.post("/-/ledger/verify")
    assert answer.headers["x-request-id"] in {hold["id"] for hold in held.json()["data"]}
    assert verdict.json()["is_sound"] is True
    assert_described(document, "/-/ledger/holds", held)
    assert_described(document, "/-/ledger/verify", verdict)


def test_prices(daemon: Daemon, document: dict[str, Any]) -> None:
    document = closed(document)
    of_an_image = {"model": "described", "org_id": "org_1", "per_image": 0.04}
    made = daemon.admin.put("/-/prices", json=of_an_image)
    assert made.status_code == 200, made.text
    assert_described(document, "/-/prices", made)
    assert_described(document, "/-/prices", daemon.admin.get("/-/prices?source=org"))
    removed = daemon.admin.delete(f"/-/prices/{made.json()['id']}")
    assert_described(document, "/-/prices/{price_id}", removed)
    call = {"model": "fake/echo", "usage": {"input_tokens": 9, "images": 1}}
    billed = daemon.admin.post("/-/prices/test", json=call)
    assert billed.status_code == 200
    assert_described(document, "/-/prices/test", billed)


def test_traces(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    for model in ("mock/echo", "fake/nope", "mock/echo+status=500"):
        request_id = daemon.chat(busy_key, model).headers["x-request-id"]
        daemon.trace(request_id)
        answer = daemon.admin.get(f"/-/requests/{request_id}")
        assert_described(closed(document), "/-/requests/{request_id}", answer)


def test_looks_at_configurations(daemon: Daemon, document: dict[str, Any]) -> None:
    for text in ("", "model_map: {a: nobody}", "providers: {x: {type: fake}}"):
        answer = daemon.admin.post("/-/config/check", json={"yaml": text})
        assert answer.status_code == 200
        assert_described(closed(document), "/-/config/check", answer)


def test_bodies_and_replays(start: StartDaemon) -> None:
    config = "providers: {fake: {type: fake}}\nlogging: {request_logging: {include_bodies: true}}\n"
    own = start(config)
    described = closed(own.admin.get("/-/openapi.json").json())
    key = own.create_key(rate_limit_rpm=2)
    for _ in range(2):
        call = own.chat(key).headers["x-request-id"]
        path = "/-/requests/{request_id}"
        answer = own.admin.get(f"/-/requests/{call}", params={"bodies": True})
        assert answer.json()["request_body"]
        assert_described(described, path, answer)
        again = own.admin.post(f"/-/requests/{call}/replay", json={"set": {"max_tokens": 1}})
        assert again.status_code == 200
        assert_described(described, f"{path}/replay", again)
    assert again.json()["replay"]["error"]["code"] == "rate_limit_exceeded"


def test_explanations(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    questions: list[dict[str, Any]] = [
        {"model": "fake/echo"},
        {"model": "fake/echo", "key": busy_key.id, "ip": "127.0.0.1", "max_tokens": 5},
        {"model": "nope", "key": busy_key.id, "tools": ["y"], "tags": {"a": "b"}},
    ]
    for question in questions:
        answer = daemon.admin.post("/-/explain", json=question)
        assert answer.status_code == 200
        assert_described(closed(document), "/-/explain", answer)


def test_rooms_for_keys(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    document = closed(document)
    with daemon.client(busy_key.headers) as client:
        assert_described(document, "/v1/models", client.get("/v1/models"))
        assert_described(document, "/v1/models/{model}", client.get("/v1/models/fake/echo"))
        body = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
        assert_described(document, "/v1/usage", client.get("/v1/usage"))
        request_id = daemon.chat(busy_key).headers["x-request-id"]
        own_call = client.get("/v1/usage", params={"request_id": request_id})
        assert own_call.status_code == 200
        assert_described(document, "/v1/usage", own_call)
        counted = client.post("/v1/count_tokens", json=body)
        assert counted.status_code == 200
        assert_described(document, "/v1/count_tokens", counted)


def test_the_feed_and_streams(daemon: Daemon, document: dict[str, Any], busy_key: Key) -> None:
    with daemon.admin.stream("GET", "/-/events") as answer:
        assert_described(document, "/-/events", answer)
    plain = daemon.chat(busy_key)
    assert_described(document, "/v1/chat/completions", plain)
    assert_described(document, "/v1/chat/completions", daemon.chat(busy_key, stream=True))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/-/keys/{key_id}"),
        ("POST", "/-/keys"),
        ("GET", "/-/requests/{request_id}"),
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1beta/models/{model}:generateContent"),
        ("POST", "/v1/models/{model}:countTokens"),
        ("GET", "/v1beta/models"),
        ("GET", "/v1beta/models/{model}"),
    ],
)
def test_errors(daemon: Daemon, document: dict[str, Any], method: str, path: str) -> None:
    url = path.replace("{key_id}", "none").replace("{request_id}", "none")
    answer = daemon.admin.request(method, url, json={} if method == "POST" else None)
    assert answer.status_code >= 400
    assert_described(closed(document), path, answer, status="default")


# ── requests ─────────────────────────────────────────────────────────────────────────────────────

TURNS = [{"role": "user", "content": "Hello"}]
CONTENTS = [{"parts": [{"text": "Hello"}]}]
REQUESTS: list[tuple[str, str, dict[str, Any], bool]] = [
    ("POST", "/-/keys", {"name": "a"}, True),
    ("POST", "/-/keys", {"name": "a", "credits": 1.5, "models": [], "expires_at": None}, True),
    ("POST", "/-/keys", {"name": "a", "credits": "0.1", "budgets": [{"limit": 1}]}, True),
    ("POST", "/-/keys", {}, False),
    ("POST", "/-/keys", {"name": "a", "colour": "red"}, False),
    ("POST", "/-/keys", {"name": "a", "rate_limit_rpm": "5"}, False),
    ("POST", "/-/keys", {"name": "a", "credits": -1}, False),
    ("PUT", "/-/keys/{key_id}", {}, True),
    ("PUT", "/-/keys/{key_id}", {"status": "blocked", "owner": None}, True),
    ("PUT", "/-/keys/{key_id}", {"status": "revoked"}, False),
    ("PUT", "/-/keys/{key_id}", {"name": None}, False),
    ("POST", "/-/keys/{key_id}/credits", {"amount": 1}, True),
    ("POST", "/-/keys/{key_id}/credits", {}, False),
    ("POST", "/-/budgets", {"scope": "owner", "subject": "described", "limit": "0.5"}, True),
    ("POST", "/-/budgets", {"scope": "owner", "subject": "", "limit": 1}, False),
    ("POST", "/-/budgets", {"scope": "galaxy", "subject": "x", "limit": 1}, False),
    ("POST", "/-/budgets", {"scope": "owner", "subject": "x", "limit": 1, "warn": 5}, False),
    ("PUT", "/-/prices", {"model": "nobodys", "per_page": "0.002", "provider": None}, True),
    ("PUT", "/-/prices", {"model": "nobodys", "per_page": -1}, False),
    ("PUT", "/-/prices", {"model": "nobodys", "colour": 1}, False),
    ("POST", "/-/prices/test", {"model": "fake/echo", "usage": {"input_tokens": 1}}, True),
    ("POST", "/-/prices/test", {"model": "fake/echo", "usage": {"tokens": 1}}, False),
    ("POST", "/-/prices/test", {"model": "fake/echo"}, False),
    ("POST", "/-/config/check", {"yaml": "a: b"}, True),
    ("POST", "/-/config/check", {"yaml": 1}, False),
    ("POST", "/-/explain", {"model": "fake/echo", "key": None, "max_tokens": 1}, True),
    ("POST", "/-/explain", {"model": "fake/echo", "max_tokens": "1"}, False),
    ("POST", "/-/explain", {"key": "key_1"}, False),
    ("POST", "/v1/chat/completions", {"model": "fake/echo", "messages": [{}], "n": None}, True),
    ("POST", "/v1/chat/completions", {"model": "fake/echo"}, False),
    ("POST", "/v1/chat/completions", {"model": "fake/echo", "messages": [], "n": "x"}, False),
    ("POST", "/v1/count_tokens", {"model": "fake/echo", "messages": [{"role": "user"}]}, True),
    ("POST", "/v1/count_tokens", {"messages": [{}]}, False),
    ("POST", "/v1/completions", {"model": "fake/echo", "prompt": "a"}, True),
    ("POST", "/v1/completions", {"model": "fake/echo", "prompt": 1}, False),
    ("POST", "/v1/messages", {"model": "fake/echo", "messages": TURNS, "max_tokens": 5}, True),
    ("POST", "/v1/messages", {"model": "fake/echo", "messages": TURNS}, False),
    ("POST", "/v1/messages", {"model": "fake/echo", "max_tokens": 5}, False),
    ("POST", "/v1/messages/count_tokens", {"model": "fake/echo", "messages": TURNS}, True),
    ("POST", "/v1/messages/count_tokens", {"model": "fake/echo", "messages": "x"}, False),
    ("POST", "/v1beta/models/{model}:generateContent", {"contents": CONTENTS}, True),
    ("POST", "/v1beta/models/{model}:generateContent", {}, False),
    ("POST", "/v1/models/{model}:streamGenerateContent", {"contents": CONTENTS}, True),
    ("POST", "/v1/models/{model}:countTokens", {"contents": CONTENTS}, True),
    ("POST", "/v1/models/{model}:countTokens", {"contents": 1}, False),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "is_taken"),
    REQUESTS,
    ids=[f"{method} {path} {json.dumps(body)}" for method, path, body, _ in REQUESTS],
)
def test_bodies_are_taken_as_described(
    daemon: Daemon,
    document: dict[str, Any],
    method: str,
    path: str,
    body: dict[str, Any],
    *,
    is_taken: bool,
) -> None:
    """The document and the daemon agree on what a body may be."""
    described = document["paths"][path][method.lower()]["requestBody"]
    schema = described["content"]["application/json"]["schema"]
    assert (schema_errors(document, schema, body) == []) is is_taken
    key = daemon.create_key(credits=1)
    headers = key.headers if path.startswith("/v1") else {}
    url = path.replace("{key_id}", key.id).replace("{model}", "fake/echo")
    answer = daemon.admin.request(method, url, json=body, headers=headers)
    if is_taken and answer.status_code == 200:
        assert_described(document, path, answer)
    is_vendors = "x-prism-provider" in answer.headers
    assert is_vendors or (answer.status_code < 400) is is_taken, answer.text
