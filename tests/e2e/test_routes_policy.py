"""Every route against every credential, and the mistakes of the original that must not be here."""

import json
import re
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from starlette.responses import Response
from starlette.routing import Route

from prismd import rooms
from prismd.app import HOT
from prismd.endpoints import deps
from prismd.endpoints.credentials import Policy
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon
from tests.raw_http import exchange, request

POLICIES = {
    ("POST", "/v1/chat/completions"): "key",
    ("POST", "/v1/count_tokens"): "key",
    ("POST", "/v1/completions"): "key",
    ("POST", "/v1/messages"): "key",
    ("POST", "/v1/messages/count_tokens"): "key",
    ("GET", "/v1/models"): "key",
    ("GET", "/v1/models/{model}"): "key",
    ("POST", "/v1beta/models/{model}:generateContent"): "key",
    ("POST", "/v1beta/models/{model}:streamGenerateContent"): "key",
    ("POST", "/v1beta/models/{model}:countTokens"): "key",
    ("POST", "/v1/models/{model}:generateContent"): "key",
    ("POST", "/v1/models/{model}:streamGenerateContent"): "key",
    ("POST", "/v1/models/{model}:countTokens"): "key",
    ("GET", "/v1beta/models"): "key",
    ("GET", "/v1beta/models/{model}"): "key",
    ("GET", "/v1/usage"): "key",
    ("GET", "/-/models"): "admin",
    ("POST", "/-/keys"): "admin",
    ("GET", "/-/keys"): "admin",
    ("GET", "/-/keys/{key_id}"): "admin",
    ("PUT", "/-/keys/{key_id}"): "admin",
    ("DELETE", "/-/keys/{key_id}"): "admin",
    ("GET", "/-/keys/{key_id}/credits"): "admin",
    ("POST", "/-/keys/{key_id}/credits"): "admin",
    ("GET", "/-/budgets"): "admin",
    ("POST", "/-/budgets"): "admin",
    ("GET", "/-/budgets/{budget_id}"): "admin",
    ("PUT", "/-/budgets/{budget_id}"): "admin",
    ("DELETE", "/-/budgets/{budget_id}"): "admin",
    ("POST", "/-/budgets/{budget_id}/reset"): "admin",
    ("GET", "/-/ledger/accounts"): "admin",
    ("GET", "/-/ledger/postings"): "admin",
    ("GET", "/-/ledger/holds"): "admin",
    ("POST", "/-/ledger/verify"): "admin",
    ("GET", "/-/prices"): "admin",
    ("PUT", "/-/prices"): "admin",
    ("DELETE", "/-/prices/{price_id}"): "admin",
    ("POST", "/-/prices/test"): "admin",
    ("GET", "/-/usage"): "admin",
    ("GET", "/-/requests"): "admin",
    ("GET", "/-/requests/{request_id}"): "admin",
    ("POST", "/-/requests/{request_id}/replay"): "admin",
    ("POST", "/-/explain"): "admin",
    ("GET", "/-/events"): "admin",
    ("GET", "/-/audit"): "admin",
    ("POST", "/-/audit/verify"): "admin",
    ("GET", "/-/backups"): "admin",
    ("POST", "/-/backups"): "admin",
    ("POST", "/-/backups/{backup_id}/verify"): "admin",
    ("GET", "/-/capabilities"): "admin",
    ("GET", "/-/doctor"): "admin",
    ("GET", "/-/config"): "admin",
    ("POST", "/-/config/check"): "admin",
    ("POST", "/-/reload"): "admin",
    ("GET", "/-/metrics"): "admin",
    ("GET", "/-/health/providers"): "admin",
    ("GET", "/-/openapi.json"): "admin",
    ("GET", "/healthz"): "public",
    ("GET", "/livez"): "public",
    ("GET", "/readyz"): "public",
}

REFUSALS = {
    "key": {
        "nothing": "missing_api_key",
        "garbage": "invalid_api_key",
        "revoked": "invalid_api_key",
        "admin": "admin_token_on_api",
    },
    "admin": {
        "nothing": "missing_admin_token",
        "garbage": "invalid_admin_token",
        "revoked": "api_key_on_admin",
        "key": "api_key_on_admin",
    },
    "public": {},
}
"""Policy → credential → the code of its 401; a credential that is not named here is let in."""

FILLED = {
    "{model}": "fake/echo",
    "{key_id}": "key_none",
    "{price_id}": "prc_none",
    "{budget_id}": "bgt_none",
    "{request_id}": "req_none",
    "{backup_id}": "bak_none",
}
ABSENT = {
    "key_not_found",
    "price_not_found",
    "budget_not_found",
    "request_not_found",
    "backup_not_found",
}


def code_of(error: dict[str, Any]) -> str:
    """Return our code of an error, wherever the dialect of its route has it."""
    if isinstance(error["code"], str):
        return error["code"]
    return next(one["reason"] for one in error["details"] if "reason" in one).lower()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def credentials(daemon: Daemon) -> dict[str, str | None]:
    revoked = daemon.create_key()
    daemon.admin.delete(f"/-/keys/{revoked.id}").raise_for_status()
    return {
        "nothing": None,
        "garbage": "garbage",
        "revoked": revoked.secret,
        "key": daemon.create_key().secret,
        "admin": daemon.admin_token,
    }


def test_the_declared_policies(daemon: Daemon) -> None:
    listed = daemon.admin.get("/-/capabilities").json()["endpoints"]
    found = {(one["method"], one["path"]): one["policy"] for one in listed}
    assert found == POLICIES
    assert len(listed) == len(POLICIES)


@pytest.mark.parametrize("who", ["nothing", "garbage", "revoked", "key", "admin"])
@pytest.mark.parametrize(("method", "path"), POLICIES)
def test_who_is_let_in(
    daemon: Daemon, credentials: dict[str, str | None], method: str, path: str, who: str
) -> None:
    refusal = REFUSALS[POLICIES[method, path]].get(who)
    for name, value in FILLED.items():
        path = path.replace(name, value)
    secret = credentials[who]
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    with daemon.client(headers) as client, client.stream(method, path) as answer:
        assert answer.headers["x-request-id"].startswith("req_")
        if refusal is None and answer.status_code < 400:
            return  # the event feed would go on
        error = json.loads(answer.read())["error"]
    if refusal is not None:
        assert (answer.status_code, code_of(error)) == (401, refusal)
    else:
        # Let in: what is wrong now is the body or the id that this test sends.
        assert answer.status_code in (400, 404)
        kind = error.get("type", error.get("status"))
        assert kind in ("invalid_request_error", "not_found", "INVALID_ARGUMENT")
        assert answer.status_code == 400 or code_of(error) in ABSENT


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/metrics", "/v1", "/-", "/"])
def test_nothing_else_is_served(daemon: Daemon, key: Key, path: str) -> None:
    for headers in ({}, key.headers, {"authorization": f"Bearer {daemon.admin_token}"}):
        with daemon.client(headers) as client:
            answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


# ── a route without a policy is never served ──────────────────────────────────────────────────────


async def stray() -> str:
    return "hello"


def room_with(*policies: Any) -> APIRouter:
    room = APIRouter()
    room.add_api_route("/stray", stray, dependencies=[Depends(policy) for policy in policies])
    return room


@pytest.mark.parametrize(
    "room",
    [
        room_with(),
        room_with(deps.caller, deps.admin),
        APIRouter(routes=[Route("/stray", lambda _: Response())]),
    ],
    ids=["no policy", "two policies", "a route that cannot have one"],
)
def test_an_undeclared_route_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, room: APIRouter
) -> None:
    monkeypatch.setattr(rooms, "ROOMS", (*rooms.ROOMS, room))
    with pytest.raises(rooms.UndeclaredRoute):
        rooms.declared_policies(HOT)


def test_a_declared_route_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "ROOMS", (*rooms.ROOMS, room_with(deps.admin)))
    assert rooms.declared_policies(HOT)["GET", "/stray"] is Policy.ADMIN


# ── wrong methods ─────────────────────────────────────────────────────────────────────────────────


ALLOWED: dict[str, set[str]] = {}
for _method, _path in POLICIES:
    ALLOWED.setdefault(_path, set()).add(_method)
ALLOWED["/-/prices/test"].add("DELETE")  # "test" could be the id of a price


@pytest.mark.parametrize("path", ALLOWED)
def test_wrong_methods(daemon: Daemon, path: str) -> None:
    """405 comes before the credential, names the methods that there are, and is an envelope."""
    methods = ALLOWED[path]
    for name, value in FILLED.items():
        path = path.replace(name, value)
    with daemon.client() as client:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - methods:
            answer = client.request(method, path)
            assert answer.status_code == 405, (method, answer.text)
            allowed = methods | {"HEAD"} if "GET" in methods else methods
            assert set(re.split(r", *", answer.headers["allow"])) == allowed
            assert code_of(answer.json()["error"]) == "method_not_allowed"
            assert answer.headers["x-request-id"]


WITH_GET = [path for path, methods in ALLOWED.items() if "GET" in methods]


@pytest.mark.parametrize("path", WITH_GET)
@pytest.mark.parametrize("is_known", [False, True], ids=["stranger", "known"])
def test_head_is_get_without_a_body(daemon: Daemon, key: Key, path: str, *, is_known: bool) -> None:
    secret = daemon.admin_token if path.startswith("/-/") else key.secret
    headers = {"authorization": f"Bearer {secret}"} if is_known else {}
    for name, value in FILLED.items():
        path = path.replace(name, value)
    with daemon.client(headers) as client:
        head = client.head(path)
        with client.stream("GET", path) as get:
            pass
    assert head.status_code == get.status_code
    for name in ("content-type", "x-request-id", "content-length"):
        assert (name in head.headers) == (name in get.headers)
    assert head.headers.get("content-type") == get.headers.get("content-type")
    assert head.content == b""


@pytest.mark.parametrize("path", [path for path in ALLOWED if path not in WITH_GET])
def test_head_where_there_is_no_get(daemon: Daemon, path: str) -> None:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    with daemon.client() as client:
        answer = client.head(path)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "HEAD" not in answer.headers["allow"]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_has_nothing_that_was_not_asked_for(daemon: Daemon, key: Key) -> None:
    plain = daemon.chat(key, "mock/echo", stream=True).text
    assert "usage" not in plain
    assert plain.endswith("data: [DONE]\n\n")
    declined = daemon.chat(key, "mock/echo", stream=True, stream_options={"include_usage": False})
    assert "usage" not in declined.text
    asked = daemon.chat(key, "mock/echo", stream=True, stream_options={"include_usage": True})
    assert asked.text.count('"usage":{') == 1


def test_the_ids_of_a_caller_are_not_believed(daemon: Daemon, key: Key) -> None:
    answer = daemon.chat(key, headers={"x-request-id": "mine"})
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


def test_the_later_spelling_is_for_those_who_use_it(daemon: Daemon, key: Key) -> None:
    ours = daemon.chat(key)
    assert not [name for name in ours.headers if name.startswith("x-agentcc-")]
    later = daemon.chat(key, headers={"x-agentcc-session-id": "s"})
    assert later.headers["x-agentcc-provider"] == later.headers["x-prism-provider"] == "fake"
    late = daemon.chat(key, "fake/echo+hang=0", headers={"x-agentcc-request-timeout": "100"})
    assert late.status_code == 504


def test_the_callers_mistakes_are_no_failure_of_the_provider(
    start: StartDaemon, providers_yaml: str
) -> None:
    own = start(providers_yaml)
    key = own.create_key()

    def health(provider: str) -> dict[str, Any]:
        rows = own.admin.get("/-/health/providers").json()["providers"]
        found: dict[str, Any] = next(row for row in rows if row["id"] == provider)
        return found

    assert health("mock")["state"] == "idle"  # also without traffic it is listed
    for model in ("mock/echo+status=400", "mock/echo+status=404", "mock/echo+status=422"):
        own.chat(key, model)
    assert health("mock")["error_count"] == 0
    assert health("mock")["healthy"] is True
    for _ in range(6):
        own.chat(key, "mock/echo+status=500")
    assert health("mock")["error_count"] == 6
    assert health("mock")["state"] in ("degraded", "failing")
    assert "500" in health("mock")["last_error"]
    # It is still asked, and heals by itself.
    assert own.chat(key, "mock/echo").status_code == 200
    assert health("mock")["last_success_time"] is not None


def test_models_of_the_client_are_no_labels(daemon: Daemon, key: Key) -> None:
    daemon.chat(key, "cardinality-bomb-1")
    daemon.chat(key, "fake/cardinality-bomb-2")
    daemon.chat(key, "fake/echo+tokens=99")
    page = daemon.admin.get("/-/metrics").text
    assert "cardinality-bomb" not in page
    assert 'model="other"' in page


def test_ids_are_not_used_again_after_a_restart(start: StartDaemon, providers_yaml: str) -> None:
    first = start(providers_yaml)
    key = first.create_key()
    call = first.chat(key).headers["x-request-id"]
    first.trace(call)
    assert stop_daemon(first) == 0
    second = start(providers_yaml)
    assert second.create_key().id != key.id
    assert second.chat(key).headers["x-request-id"] != call
    assert second.trace(call)["key_id"] == key.id


def test_the_admin_api_has_one_error_shape(daemon: Daemon) -> None:
    for parts in (
        request("GET /-/keys"),
        request("GET /-/keys", "Authorization: Bearer x"),
        request("GET /-/keys/none", f"Authorization: Bearer {daemon.admin_token}"),
        request("POST /-/keys", f"Authorization: Bearer {daemon.admin_token}"),
    ):
        assert exchange(daemon.address, [parts]).error["message"]


def test_no_secret_is_shown(daemon: Daemon, key: Key) -> None:
    pages = ["/-/config", "/-/keys", f"/-/keys/{key.id}", "/-/capabilities", "/-/metrics"]
    for page in pages:
        text = daemon.admin.get(page).text
        assert key.secret not in text
        assert daemon.admin_token not in text
    assert key.secret not in daemon.log
    assert daemon.admin_token not in daemon.log
