"""What bad input to the admin API gets: the field that is wrong, and nothing is changed."""

import json
from typing import Any

import pytest

from tests.bad_input import DEEP, JSON, KEYS, assert_refused, bearer, post, send
from tests.daemon_process import Daemon, Key
from tests.raw_http import Answer, request

pytestmark = pytest.mark.usefixtures("it_goes_on")


def admin(daemon: Daemon, method: str, path: str, body: bytes, *headers: str) -> Answer:
    head = [JSON, f"Content-Length: {len(body)}", bearer(daemon.admin_token), *headers]
    return send(daemon, request(f"{method} {path}", *head, body=body))


def key_body(**fields: Any) -> bytes:
    return json.dumps({"name": "test", **fields}).encode()


ADMIN_BODIES: dict[str, tuple[bytes, str, str | None]] = {
    "cut off": (b'{"name": "a"', "invalid_json", None),
    "no utf-8": (b'{"name": "\xff"}', "invalid_json", None),
    "deep": (b'{"name": "a", "x": ' + DEEP + b"}", "invalid_json", None),
    "endless number": (b'{"name": "a", "x": ' + b"9" * 5_000 + b"}", "invalid_json", None),
    "no object": (b"[]", "invalid_value", None),
    "null": (b"null", "invalid_value", None),
    "no name": (b"{}", "missing_name", "name"),
    "name null": (b'{"name": null}', "invalid_value", "name"),
    "name number": (b'{"name": 1}', "invalid_value", "name"),
    "name empty": (b'{"name": ""}', "invalid_value", "name"),
    "name long": (key_body(name="n" * 201), "invalid_value", "name"),
    "name lone surrogate": (b'{"name": "\\ud800"}', "invalid_value", "name"),
    "unknown field": (key_body(colour="red"), "unknown_field", "colour"),
    "its id": (key_body(id="key_1"), "unknown_field", "id"),
    "its status": (key_body(status="active"), "unknown_field", "status"),
    "key type": (key_body(key_type="internal"), "invalid_value", "key_type"),
    "limit negative": (key_body(rate_limit_rpm=-1), "invalid_value", "rate_limit_rpm"),
    "limit text": (key_body(rate_limit_rpm="5"), "invalid_value", "rate_limit_rpm"),
    "limit true": (key_body(rate_limit_tpm=True), "invalid_value", "rate_limit_tpm"),
    "limit fraction": (key_body(max_concurrency=1.5), "invalid_value", "max_concurrency"),
    "limit endless": (key_body(rate_limit_rpm=10**30), "invalid_value", "rate_limit_rpm"),
    "models text": (key_body(models="fake/echo"), "invalid_value", "models"),
    "models of numbers": (key_body(models=[1]), "invalid_value", "models.0"),
    "too many models": (key_body(models=["m"] * 1_001), "invalid_value", "models"),
    "no address": (key_body(allowed_ips=["home"]), "invalid_value", "allowed_ips"),
    "metadata number": (key_body(metadata={"a": 1}), "invalid_value", "metadata.a"),
    "expiry word": (key_body(expires_at="soon"), "invalid_value", "expires_at"),
    "expiry number": (key_body(expires_at=1), "invalid_value", "expires_at"),
    "expiry without offset": (
        key_body(expires_at="2027-01-01T00:00:00"),
        "invalid_value",
        "expires_at",
    ),
    "expiry after the year 9999": (
        key_body(expires_at="9999-12-31T23:59:59-12:00"),
        "invalid_value",
        "expires_at",
    ),
    "expiry before the year 1": (
        key_body(expires_at="0001-01-01T00:00:00+12:00"),
        "invalid_value",
        "expires_at",
    ),
    "credits negative": (key_body(credits=-1), "invalid_value", "credits"),
    "credits true": (key_body(credits=True), "invalid_value", "credits"),
    "credits word": (key_body(credits="much"), "invalid_value", "credits"),
    "credits nan": (b'{"name": "a", "credits": NaN}', "invalid_value", "credits"),
    "credits infinite": (b'{"name": "a", "credits": 1e999}', "invalid_value", "credits"),
    "credits too many": (key_body(credits=1e30), "invalid_value", "credits"),
    "credits too fine": (key_body(credits="0.0000000001"), "invalid_value", "credits"),
    "credits of an unmanaged key": (key_body(credits=1, key_type="byok"), "not_managed", "credits"),
    "budgets object": (key_body(budgets={}), "invalid_value", "budgets"),
    "budget without limit": (key_body(budgets=[{}]), "missing_limit", "budgets.0.limit"),
    "budget unknown field": (
        key_body(budgets=[{"limit": 1, "x": 1}]),
        "unknown_field",
        "budgets.0.x",
    ),
    "budget window": (
        key_body(budgets=[{"limit": 1, "window": "hourly"}]),
        "invalid_value",
        "budgets.0.window",
    ),
    "budget hard": (
        key_body(budgets=[{"limit": 1, "hard": "yes"}]),
        "invalid_value",
        "budgets.0.hard",
    ),
}


@pytest.mark.parametrize("name", ADMIN_BODIES)
def test_body_of_a_new_key(daemon: Daemon, name: str) -> None:
    body, code, param = ADMIN_BODIES[name]
    assert_refused(admin(daemon, "POST", KEYS, body), 400, code, param)


def test_no_bad_key_gets_into_the_list(daemon: Daemon) -> None:
    """One key that cannot be shown would hide all of them."""
    listed = daemon.admin.get(KEYS, params={"limit": 500})
    assert listed.status_code == 200, listed.text


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_said_to_be_json(daemon: Daemon, content_type: str | None) -> None:
    """A web page can send these without asking the browser; JSON it cannot."""
    said = [f"Content-Type: {content_type}"] if content_type else []
    head = [f"Content-Length: {len(key_body())}", bearer(daemon.admin_token), *said]
    answer = send(daemon, request(f"POST {KEYS}", *head, body=key_body()))
    assert_refused(answer, 400, "invalid_value")
    assert "application/json" in answer.error["message"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b'{"status": "revoked"}', "invalid_value", "status"),
        (b'{"status": null}', "invalid_value", "status"),
        (b'{"name": null}', "invalid_value", "name"),
        (b'{"credits": 5}', "unknown_field", "credits"),
        (b'{"version": 3}', "unknown_field", "version"),
        (b"[]", "invalid_value", None),
    ],
)
def test_body_of_a_change(
    daemon: Daemon, key: Key, body: bytes, code: str, param: str | None
) -> None:
    assert_refused(admin(daemon, "PUT", f"{KEYS}/{key.id}", body), 400, code, param)
    assert daemon.admin.get(f"{KEYS}/{key.id}").json()["version"] == 1


@pytest.mark.parametrize(
    "amount", ["0", "-1", "null", '"much"', "true", "NaN", "1e-10", "1e30", "[]"]
)
def test_amount_of_credits(daemon: Daemon, amount: str) -> None:
    managed = daemon.create_key(credits=1)
    body = b'{"amount": ' + amount.encode() + b"}"
    answer = admin(daemon, "POST", f"{KEYS}/{managed.id}/credits", body)
    assert_refused(answer, 400, "invalid_amount", "amount")


QUERIES: dict[str, tuple[int, str, str | None]] = {
    "/-/keys?limit=0": (400, "invalid_value", "limit"),
    "/-/keys?limit=501": (400, "invalid_value", "limit"),
    "/-/keys?limit=all": (400, "invalid_value", "limit"),
    "/-/keys?status=odd": (400, "invalid_value", "status"),
    "/-/keys/nobody": (404, "key_not_found", "key_id"),
    "/-/doctor?probe=perhaps": (400, "invalid_value", "probe"),
    "/-/requests?limit=501": (400, "invalid_value", "limit"),
    "/-/requests?status=6xx": (400, "invalid_value", "status"),
    "/-/requests?status=": (400, "invalid_value", "status"),
    "/-/requests?status=200,x": (400, "invalid_value", "status"),
    "/-/requests?min_cost=much": (400, "invalid_value", "min_cost"),
    "/-/requests?min_cost=-1": (400, "invalid_value", "min_cost"),
    "/-/requests?min_latency=nan": (400, "invalid_value", "min_latency"),
    "/-/requests?min_latency=-1": (400, "invalid_value", "min_latency"),
    "/-/requests?stream=perhaps": (400, "invalid_value", "stream"),
    "/-/requests?since=once": (400, "invalid_value", "since"),
    "/-/requests?after=req_none": (400, "invalid_value", "after"),
    "/-/requests/nothing?bodies=perhaps": (400, "invalid_value", "bodies"),
    "/-/events?bodies=perhaps": (400, "invalid_value", "bodies"),
    "/-/requests/nothing": (404, "request_not_found", "request_id"),
    "/-/usage?group_by=colour": (400, "unknown_group", "group_by"),
    "/-/usage?since=yesterday": (400, "invalid_value", "since"),
    "/-/usage?until=2026-01-01": (400, "invalid_value", "until"),
    "/-/events?topics=weather": (400, "unknown_topic", "topics"),
    "/-/usage?format=xml": (400, "invalid_value", "format"),
    "/-/usage?tag=team": (400, "invalid_value", "tag"),
    "/-/ledger/accounts?kind=odd": (400, "invalid_value", "kind"),
    "/-/ledger/postings?after=first": (400, "invalid_value", "after"),
    "/-/ledger/postings?since=once": (400, "invalid_value", "since"),
    "/-/ledger/holds?limit=0": (400, "invalid_value", "limit"),
    "/-/budgets?scope=galaxy": (400, "invalid_value", "scope"),
    "/-/budgets/bgt_none": (404, "budget_not_found", "budget_id"),
    "/-/keys/nobody/credits": (404, "key_not_found", "key_id"),
    "/-/keys?colour=red": (400, "unknown_field", "colour"),
    "/-/audit?limit=3&object=key_1": (400, "unknown_field", "object"),
    "/-/requests?Key=key_1": (400, "unknown_field", "Key"),
    "/-/events?topic=call": (400, "unknown_field", "topic"),
    "/-/metrics?%ff=%00": (400, "unknown_field", "\ufffd"),
}


@pytest.mark.parametrize("path", QUERIES)
def test_query(daemon: Daemon, path: str) -> None:
    status, code, param = QUERIES[path]
    answer = send(daemon, request(f"GET {path}", bearer(daemon.admin_token)))
    assert_refused(answer, status, code, param)


def test_a_parameter_that_is_unknown_is_told_beside_those_there_are(daemon: Daemon) -> None:
    said = daemon.admin.get("/-/audit?object=key_1").json()["error"]["message"]
    assert said == (
        "This request has no parameter 'object'. It takes: action, after, limit, object_id, since."
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v1/usage?since=999999d",
        "/v1/usage?until=999999d",
        "/v1/usage?since=0001-01-01T00:00:00%2B14:00",
        "/v1/usage?since=9999-12-31T23:59:59-14:00",
        "/v1/usage?since=9999-12-31T23:59:59Z&until=1970-01-01T00:00:00Z",
        "/-/usage?since=999999d&until=9999-12-31T23:59:59-14:00",
        "/-/ledger/postings?after=9999999999999999999",
        "/-/audit?after=9999999999999999999&since=999999d",
        "/-/requests?since=999999d&until=9999-12-31T23:59:59-14:00&min_latency=1e308",
    ],
)
def test_the_ends_of_time_and_numbers(daemon: Daemon, key: Key, path: str) -> None:
    headers = key.headers if path.startswith("/v1/") else None
    answer = daemon.admin.get(path, headers=headers)
    assert answer.status_code == 200, answer.text


def test_credits_of_an_unmanaged_key(daemon: Daemon, key: Key) -> None:
    answer = admin(daemon, "POST", f"{KEYS}/{key.id}/credits", b'{"amount": 5}')
    assert_refused(answer, 400, "not_managed", "key_type")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "x", "metadata": {"\\ud800": "v"}}',
        b'{"name": "x", "metadata": {"k": "\\udfff"}}',
        b'{"name": "\\ud800"}',
        b'{"name": "x", "owner": "\\ud800"}',
        b'{"name": "x", "\\ud800": 1}',
    ],
)
def test_half_a_character_in_a_key_is_400(daemon: Daemon, body: bytes) -> None:
    answer = send(daemon, post(KEYS, body, bearer(daemon.admin_token)))
    assert answer.status == 400, answer.body
    assert answer.error["code"] in {"invalid_value", "unknown_field"}


QUESTIONS: dict[str, tuple[bytes, int, str, str | None]] = {
    "no model": (b"{}", 400, "missing_model", "model"),
    "model empty": (b'{"model": ""}', 400, "invalid_value", "model"),
    "model long": (b'{"model": "' + b"m" * 257 + b'"}', 400, "invalid_value", "model"),
    "unknown field": (b'{"model": "m", "colour": 1}', 400, "unknown_field", "colour"),
    "unknown key": (b'{"model": "m", "key": "key_none"}', 404, "key_not_found", "key"),
    "op": (b'{"model": "m", "op": "dream"}', 400, "invalid_value", "op"),
    "tokens": (b'{"model": "m", "input_tokens": -1}', 400, "invalid_value", "input_tokens"),
    "tokens text": (b'{"model": "m", "max_tokens": "5"}', 400, "invalid_value", "max_tokens"),
    "tokens endless": (
        b'{"model": "m", "max_tokens": ' + b"9" * 30 + b"}",
        400,
        "invalid_value",
        "max_tokens",
    ),
    "tools": (b'{"model": "m", "tools": "a"}', 400, "invalid_value", "tools"),
    "tags": (b'{"model": "m", "tags": {"a": ""}}', 400, "invalid_value", "tags"),
    "half a character": (b'{"model": "\\ud800"}', 400, "invalid_value", "model"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_about_a_call(daemon: Daemon, name: str) -> None:
    body, status, code, param = QUESTIONS[name]
    assert_refused(admin(daemon, "POST", "/-/explain", body), status, code, param)


def test_an_address_that_is_none_is_in_no_network(daemon: Daemon) -> None:
    bound = daemon.create_key(allowed_ips=["10.0.0.0/8"])
    question = {"model": "fake/echo", "key": bound.id, "ip": "nowhere"}
    assert daemon.admin.post("/-/explain", json=question).json()["decided_by"] == "ip"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{}", "missing_yaml", "yaml"),
        (b'{"yaml": null}', "invalid_value", "yaml"),
        (b'{"yaml": 7}', "invalid_value", "yaml"),
        (b'{"yaml": "", "file": "/etc/passwd"}', "unknown_field", "file"),
        (b'{"yaml": "\\ud800"}', "invalid_value", "yaml"),
        (b"[]", "invalid_value", None),
        (b'{"yaml"', "invalid_json", None),
    ],
)
def test_configuration_to_look_at(
    daemon: Daemon, body: bytes, code: str, param: str | None
) -> None:
    assert_refused(admin(daemon, "POST", "/-/config/check", body), 400, code, param)


def test_a_configuration_that_is_too_long(daemon: Daemon) -> None:
    body = json.dumps({"yaml": "#" * (1 << 20)}).encode()
    assert_refused(admin(daemon, "POST", "/-/config/check", body), 413, "request_too_large")


def test_a_configuration_that_would_grow(daemon: Daemon) -> None:
    """Each line ten times the one before, by aliases."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    body = json.dumps({"yaml": "\n".join(lines)}).encode()
    answer = admin(daemon, "POST", "/-/config/check", body)
    assert answer.status == 200
    assert json.loads(answer.body)["is_valid"] is False
