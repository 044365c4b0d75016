"""What bad input gets: the right status in the error envelope, an id, and a daemon that goes on."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key
from tests.raw_http import Answer, exchange, request

CHAT = "/v1/chat/completions"
COUNT = "/v1/count_tokens"
KEYS = "/-/keys"

GOOD = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
GOOD_BODY = json.dumps(GOOD).encode()
JSON = "Content-Type: application/json"
MEBIBYTE = b"x" * 1024 * 1024


@pytest.fixture(autouse=True)
def it_goes_on(daemon: Daemon) -> Iterator[None]:
    """Whatever a test sends, the daemon answers the next request."""
    yield
    assert daemon.admin.get("/healthz").json() == {"status": "ok"}


def bearer(secret: str) -> str:
    return f"Authorization: Bearer {secret}"


def post(path: str, body: bytes, *headers: str) -> bytes:
    return request(f"POST {path}", JSON, f"Content-Length: {len(body)}", *headers, body=body)


def send(daemon: Daemon, *parts: bytes) -> Answer:
    return exchange(daemon.address, parts)


def assert_refused(answer: Answer, status: int, code: str, param: str | None = None) -> None:
    assert answer.status == status, answer.body[:500]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    error = answer.error
    assert (error["code"], error["param"]) == (code, param), error
    assert 10 < len(error["message"]) < 600
    assert error["message"].endswith((".", "…'.")), error


def body_with(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def spliced(field: bytes) -> bytes:
    """Add a field that Python's encoder would not write."""
    return GOOD_BODY[:-1] + b", " + field + b"}"


# ── bodies of inference calls ────────────────────────────────────────────────────────────────────

DEEP = b"[" * 100_000 + b"]" * 100_000

BODIES: dict[str, tuple[bytes, int, str, str | None]] = {
    "empty": (b"", 400, "invalid_json", None),
    "cut off": (GOOD_BODY[:-2], 400, "invalid_json", None),
    "no object": (b"[]", 400, "invalid_json", None),
    "null": (b"null", 400, "invalid_json", None),
    "two objects": (GOOD_BODY * 2, 400, "invalid_json", None),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD_BODY, 400, "invalid_json", None),
    "utf-16": (GOOD_BODY.decode().encode("utf-16"), 400, "invalid_json", None),
    "nan": (spliced(b'"temperature": NaN'), 400, "invalid_json", None),
    "infinity": (spliced(b'"top_p": -Infinity'), 400, "invalid_json", None),
    "no utf-8 in a message": (GOOD_BODY.replace(b"Hello", b"\xff"), 400, "invalid_json", None),
    "no utf-8 in a field": (spliced(b'"x": "\xc3\x28"'), 400, "invalid_json", None),
    "no utf-8 in stream options": (
        spliced(b'"stream": true, "stream_options": {"\xff": 1}'),
        400,
        "invalid_json",
        None,
    ),
    "lone surrogate as model": (
        GOOD_BODY.replace(b"fake/echo", b"\\ud800"),
        400,
        "invalid_json",
        None,
    ),
    "deep": (spliced(b'"x": ' + DEEP), 400, "invalid_json", None),
    "deep messages": (b'{"model": "m", "messages": ' + DEEP + b"}", 400, "invalid_json", None),
    "no model": (b'{"messages": [{}]}', 400, "missing_model", "model"),
    "empty model": (body_with(model=""), 400, "missing_model", "model"),
    "model of a wrong type": (body_with(model=1), 400, "invalid_type", "model"),
    "endless model": (body_with(model="m" * 5_000_000), 400, "invalid_value", "model"),
    "endless settings": (body_with(model="fake/echo+" + "m" * 300), 400, "invalid_value", "model"),
    "unknown model": (body_with(model="nope"), 404, "model_not_found", "model"),
    "model given twice": (spliced(b'"model": "nope"'), 404, "model_not_found", "model"),
    "no messages": (b'{"model": "fake/echo"}', 400, "missing_messages", "messages"),
    "empty messages": (body_with(messages=[]), 400, "missing_messages", "messages"),
    "messages of a wrong type": (body_with(messages="Hello"), 400, "invalid_type", "messages"),
}

CHAT_FIELDS: dict[str, Any] = {
    "stream": "yes",
    "stream_options": True,
    "max_tokens": "100",
    "max_completion_tokens": 1.5,
    "n": "2",
    "temperature": "hot",
    "top_p": [],
    "presence_penalty": "x",
    "frequency_penalty": {},
    "logprobs": 1,
    "top_logprobs": "x",
    "seed": "x",
    "stop": 1,
    "user": 1,
    "tools": {},
    "functions": {},
    "tool_choice": 1,
    "parallel_tool_calls": "no",
    "response_format": "json",
    "logit_bias": [],
    "metadata": "x",
    "service_tier": 1,
    "modalities": "text",
}


@pytest.mark.parametrize("path", [CHAT, COUNT])
@pytest.mark.parametrize("name", BODIES)
def test_body(daemon: Daemon, key: Key, path: str, name: str) -> None:
    body, status, code, param = BODIES[name]
    started_s = time.monotonic()
    answer = send(daemon, post(path, body, bearer(key.secret)))
    assert_refused(answer, status, code, param)
    assert time.monotonic() - started_s < 1


@pytest.mark.parametrize("field", CHAT_FIELDS)
def test_field_of_a_wrong_type(daemon: Daemon, key: Key, field: str) -> None:
    body = body_with(**{field: CHAT_FIELDS[field]})
    answer = send(daemon, post(CHAT, body, bearer(key.secret)))
    assert_refused(answer, 400, "invalid_type", field)


def test_what_the_vendor_judges_is_the_vendors_answer(daemon: Daemon, key: Key) -> None:
    for messages in ([1], [{"role": "robot", "content": "x"}], [{"role": "user"}]):
        answer = daemon.chat(key, "mock/echo", messages=messages)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"].startswith("messages[0]")
        assert answer.headers["x-prism-provider"] == "mock"


@pytest.mark.parametrize(
    "body",
    [
        spliced(b'"stream": true, "stream_options": {"\\ud800": 1}'),
        spliced(b'"stream": true, "stream_options": {"x": ' + b"[" * 978 + b"]" * 978 + b"}"),
        spliced(b'"tools": [{"function": {"name": "\\ud800"}}]'),
        spliced(b'"messages": [{"role": "user", "content": "\\ud800"}]'),
    ],
    ids=["stream options", "deep stream options", "tool name", "message"],
)
def test_no_body_keeps_the_callers_slot(daemon: Daemon, body: bytes) -> None:
    """What breaks only in a later stage is the caller's mistake, too, and gives the slot back."""
    one_at_once = daemon.create_key(max_concurrency=1, denied_tools=["nothing"])
    answer = send(daemon, post(CHAT, body, bearer(one_at_once.secret)))
    assert answer.status == 400, answer.body
    assert answer.error["type"] == "invalid_request_error"
    assert daemon.chat(one_at_once).status_code == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-prism-request-timeout", "0"),
        ("x-prism-request-timeout", "-5"),
        ("x-prism-request-timeout", "1.5"),
        ("x-prism-request-timeout", "5s"),
        ("x-prism-request-timeout", "3600001"),
        ("x-prism-request-timeout", "\xb2"),
        ("x-agentcc-request-timeout", "soon"),
    ],
)
def test_bad_timeout(daemon: Daemon, key: Key, header: str, value: str) -> None:
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(key.secret), f"{header}: {value}"))
    assert_refused(answer, 400, "invalid_header", "x-prism-request-timeout")


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────


def large(path: str, *headers: str, is_chunked: bool) -> Iterator[bytes]:
    """A body of 50 MiB, which says so or not."""
    if is_chunked:
        yield request(f"POST {path}", JSON, "Transfer-Encoding: chunked", *headers)
        for _ in range(50):
            yield b"100000\r\n" + MEBIBYTE + b"\r\n"
        yield b"0\r\n\r\n"
    else:
        size = 50 * len(MEBIBYTE)
        yield request(f"POST {path}", JSON, f"Content-Length: {size}", *headers)
        yield from [MEBIBYTE] * 50


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("path", [CHAT, COUNT, KEYS, "/-/reload", "/nowhere"])
def test_50_megabytes(daemon: Daemon, key: Key, path: str, *, is_chunked: bool) -> None:
    secret = daemon.admin_token if path.startswith("/-/") else key.secret
    parts = large(path, bearer(secret), is_chunked=is_chunked)
    assert_refused(exchange(daemon.address, parts), 413, "request_too_large")


@pytest.mark.parametrize("path", [CHAT, KEYS])
def test_a_size_over_the_limit_is_refused_before_it_is_sent(
    daemon: Daemon, key: Key, path: str
) -> None:
    secret = daemon.admin_token if path.startswith("/-/") else key.secret
    head = request(f"POST {path}", JSON, "Content-Length: 52428800", bearer(secret))
    assert_refused(send(daemon, head), 413, "request_too_large")


def test_a_stranger_sends_no_large_body(daemon: Daemon) -> None:
    assert_refused(exchange(daemon.address, large(CHAT, is_chunked=True)), 401, "missing_api_key")


def test_a_compressed_body(daemon: Daemon, key: Key) -> None:
    answer = send(daemon, post(CHAT, b"\x1f\x8b", bearer(key.secret), "Content-Encoding: gzip"))
    assert_refused(answer, 415, "unsupported_encoding", "content-encoding")


# ── credentials ──────────────────────────────────────────────────────────────────────────────────

INVALID_KEYS = {
    "garbage": "xyz",
    "checksum": "sk-prism-" + "A" * 36,
    "no ascii": "sk-prism-\xff\xfe",
    "long": "sk-prism-" + "a" * 30_000,
}


@pytest.mark.parametrize("name", INVALID_KEYS)
def test_unknown_keys(daemon: Daemon, name: str) -> None:
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(INVALID_KEYS[name])))
    assert_refused(answer, 401, "invalid_api_key")
    answer = send(daemon, request(f"GET {KEYS}", bearer(INVALID_KEYS[name])))
    code = "api_key_on_admin" if INVALID_KEYS[name].startswith("sk-") else "invalid_admin_token"
    assert_refused(answer, 401, code)


def test_unknown_revoked_and_expired_keys_look_the_same(daemon: Daemon) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    expired, revoked = daemon.create_key(expires_at=past), daemon.create_key()
    assert expired.answer["is_expired"] is True
    daemon.admin.delete(f"{KEYS}/{revoked.id}").raise_for_status()
    other = revoked.secret[:-1] + ("a" if revoked.secret[-1] != "a" else "b")
    answers = [
        send(daemon, post(CHAT, GOOD_BODY, bearer(secret)))
        for secret in (expired.secret, revoked.secret, other)
    ]
    for answer in answers:
        assert_refused(answer, 401, "invalid_api_key")
    assert len({answer.body for answer in answers}) == 1


def test_a_blocked_key(daemon: Daemon, key: Key) -> None:
    daemon.admin.put(f"{KEYS}/{key.id}", json={"status": "blocked"}).raise_for_status()
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(key.secret)))
    assert_refused(answer, 403, "permission_denied", "key")
    daemon.admin.put(f"{KEYS}/{key.id}", json={"status": "active"}).raise_for_status()
    assert daemon.chat(key).status_code == 200


def test_a_key_in_the_wrong_place(daemon: Daemon, key: Key) -> None:
    assert_refused(send(daemon, post(CHAT, GOOD_BODY)), 401, "missing_api_key")
    for header in (f"Authorization: {key.secret}", f"Authorization: Basic {key.secret}"):
        assert_refused(send(daemon, post(CHAT, GOOD_BODY, header)), 401, "missing_api_key")
    asked = request(f"GET /v1/models?api_key={key.secret}&key={key.secret}")
    assert_refused(send(daemon, asked), 401, "missing_api_key")
    body = body_with(api_key=key.secret)
    assert_refused(send(daemon, post(CHAT, body)), 401, "missing_api_key")
    assert_refused(
        send(daemon, request(f"GET {KEYS}", bearer(key.secret))), 401, "api_key_on_admin"
    )
    assert_refused(
        send(daemon, post(CHAT, GOOD_BODY, bearer(daemon.admin_token))), 401, "admin_token_on_api"
    )
    assert_refused(
        send(daemon, post(CHAT, GOOD_BODY, f"x-api-key: {daemon.admin_token}")),
        401,
        "admin_token_on_api",
    )


def test_the_second_place_for_a_key(daemon: Daemon, key: Key) -> None:
    assert send(daemon, post(CHAT, GOOD_BODY, f"X-API-Key: {key.secret}")).status == 200


# ── heads ────────────────────────────────────────────────────────────────────────────────────────

HOSTS: dict[str, tuple[int, str]] = {
    "evil.example": (403, "host_not_allowed"),
    "127.0.0.1.evil.example": (403, "host_not_allowed"),
    "localhost.": (403, "host_not_allowed"),
    "0.0.0.0": (403, "host_not_allowed"),
    "": (400, "invalid_host"),
    "localhost:": (400, "invalid_host"),
    "localhost:http": (400, "invalid_host"),
    "localhost:123456": (400, "invalid_host"),
    "localhost/-/keys?": (400, "invalid_host"),
    "localhost#": (400, "invalid_host"),
    "user@localhost": (400, "invalid_host"),
    "localhost, evil.example": (400, "invalid_host"),
    "local host": (400, "invalid_host"),
    "[::1": (400, "invalid_host"),
    "h\xf6st": (400, "invalid_host"),
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/-/keys", "/nowhere"])
def test_host(daemon: Daemon, host: str, path: str) -> None:
    status, code = HOSTS[host]
    assert_refused(send(daemon, request(f"GET {path}", host=host)), status, code, "host")


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST", "localhost:8080", "[::1]:80"])
def test_good_hosts(daemon: Daemon, host: str) -> None:
    assert send(daemon, request("GET /healthz", host=host)).status == 200


def test_no_host_and_two_hosts(daemon: Daemon) -> None:
    assert_refused(send(daemon, request("GET /healthz", host=None)), 400, "invalid_host", "host")
    two = request("GET /healthz", "Host: 127.0.0.1")
    assert_refused(send(daemon, two), 400, "duplicate_header", "host")
    assert_refused(send(daemon, b"GET /healthz HTTP/1.0\r\n\r\n"), 400, "invalid_host", "host")


@pytest.mark.parametrize(
    "line",
    ["Authorization: Bearer x", "X-Api-Key: x", JSON, "If-Match: 1", "Content-Encoding: identity"],
)
def test_duplicate_headers(daemon: Daemon, line: str) -> None:
    answer = send(daemon, request("GET /v1/models", line, line.lower()))
    assert_refused(answer, 400, "duplicate_header", line.partition(":")[0].lower())


PATHS: dict[str, tuple[int, str]] = {
    "//healthz": (400, "invalid_path"),
    "/v1//models": (400, "invalid_path"),
    "/v1/../-/keys": (400, "invalid_path"),
    "/v1/models/%2e%2e/%2e%2e/-/keys": (400, "invalid_path"),
    "/v1/./models": (400, "invalid_path"),
    "/-%2fkeys": (400, "invalid_path"),
    "/v1/chat%2Fcompletions": (400, "invalid_path"),
    "/-/keys/a%2fcredits": (400, "invalid_path"),
    "/v1/models/fake%252Fecho": (400, "invalid_path"),
    "/v1/models%5cfake": (400, "invalid_path"),
    "/v1/models/a%00": (400, "invalid_path"),
    "/v1/models/a%0d%0ax": (400, "invalid_path"),
    "/v1/models/fake%2Fnope": (404, "model_not_found"),
    "/v1/models/..%2f..%2f-%2fkeys": (404, "model_not_found"),
    "/v1/models/": (404, "model_not_found"),
    "/v1/models/%ff": (404, "model_not_found"),
    "/v1/nowhere": (404, "not_found"),
    "/healthz/": (404, "not_found"),
    "/HEALTHZ": (404, "not_found"),
    "/healthz;x": (404, "not_found"),
    "/-/nowhere": (404, "not_found"),
    "/%zz": (404, "not_found"),
    "*": (404, "not_found"),
}


@pytest.mark.parametrize("path", PATHS)
def test_path(daemon: Daemon, key: Key, path: str) -> None:
    status, code = PATHS[path]
    param = "model" if code == "model_not_found" else None
    assert_refused(send(daemon, request(f"GET {path}", bearer(key.secret))), status, code, param)


@pytest.mark.parametrize("path", ["/v1/models/fake/echo", "/v1/models/fake%2Fecho"])
def test_an_encoded_slash_in_a_model_is_the_model(daemon: Daemon, key: Key, path: str) -> None:
    answer = send(daemon, request(f"GET {path}", bearer(key.secret)))
    assert json.loads(answer.body)["id"] == "fake/echo"


def test_an_encoded_path_keeps_its_policy(daemon: Daemon, key: Key) -> None:
    answer = send(daemon, request("GET /%2d/keys", bearer(key.secret)))
    assert_refused(answer, 401, "api_key_on_admin")


NO_HTTP: dict[str, bytes] = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) + b"\r\n\r\n",
    "words": b"HELLO\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "future version": b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "unknown method": request("BREW /healthz"),
    "CONNECT": request("CONNECT evil.example:443"),
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "space in a header's name": request("GET /healthz", "X Y: a"),
    "space before the colon": request("GET /healthz", "X : a"),
    "folded header": request("GET /healthz", "X: a\r\n b"),
    "NUL in a header": request("GET /healthz", "X: a\0b"),
    "bytes in the path": request("GET /v1/models/\xe9"),
    "length and chunks": post(CHAT, GOOD_BODY, "Transfer-Encoding: chunked"),
    "two lengths": post(CHAT, GOOD_BODY, "Content-Length: 3"),
    "one length twice": post(CHAT, GOOD_BODY, f"Content-Length: {len(GOOD_BODY)}"),
    "negative length": request(f"POST {CHAT}", "Content-Length: -1"),
    "signed length": request(f"POST {CHAT}", "Content-Length: +5", body=b"hello"),
    "endless length": request(f"POST {CHAT}", "Content-Length: " + "9" * 30),
    "length of words": request(f"POST {CHAT}", "Content-Length: five", body=b"hello"),
    "unknown coding": request(f"POST {CHAT}", "Transfer-Encoding: gzip", body=b"hello"),
    "bad chunk": request("POST /-/keys", "Transfer-Encoding: chunked", body=b"zz\r\nhello\r\n"),
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_http(daemon: Daemon, name: str) -> None:
    answer = send(daemon, NO_HTTP[name])
    assert_refused(answer, 400, "invalid_http")
    assert answer.headers["connection"] == "close"


# ── the admin API ────────────────────────────────────────────────────────────────────────────────


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
    "/-/requests/nothing": (404, "request_not_found", "request_id"),
    "/-/usage?group_by=colour": (400, "unknown_group", "group_by"),
    "/-/usage?since=yesterday": (400, "invalid_value", "since"),
    "/-/usage?until=2026-01-01": (400, "invalid_value", "until"),
    "/-/events?topics=weather": (400, "unknown_topic", "topics"),
}


@pytest.mark.parametrize("path", QUERIES)
def test_query(daemon: Daemon, path: str) -> None:
    status, code, param = QUERIES[path]
    answer = send(daemon, request(f"GET {path}", bearer(daemon.admin_token)))
    assert_refused(answer, status, code, param)


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


def test_a_head_over_the_limit_is_431(daemon: Daemon) -> None:
    endless = [b"GET /healthz HTTP/1.1\r\n", b"h: " + b"v" * 40_000]
    for parts in (endless, [request("GET /" + "a" * 70_000)]):
        answer = send(daemon, *parts)
        assert_refused(answer, 431, "headers_too_large")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("other", ["x-prism", "X-Prism", "x-agentcc"])
def test_a_header_of_ours_given_twice_is_400(daemon: Daemon, key: Key, other: str) -> None:
    twice = ("x-prism-request-timeout: 5", f"{other}-request-timeout: 5000")
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(key.secret), *twice))
    assert_refused(answer, 400, "duplicate_header", "x-prism-request-timeout")


def test_tokens_of_a_prompt_as_large_as_a_chat_can_be_counted(daemon: Daemon, key: Key) -> None:
    body = body_with(messages=[{"role": "user", "content": "a" * 4_000_000}])
    answer = send(daemon, post(COUNT, body, bearer(key.secret)))
    assert (answer.status, json.loads(answer.body)["token_count"]) == (200, 1_000_007)


@pytest.mark.parametrize(
    "tool",
    [
        b'{"type": "custom", "function": {"name": "good"}, "custom": {"name": "evil"}}',
        b'{"type": "function", "function": {"name": "evil", "name": "good"}}',
        b'{"type": "function", "function": {"Name": "evil", "name": "good"}}',
        b'{"type": "web_search", "function": {"name": "good"}}',
    ],
    ids=["two kinds", "two names", "two spellings", "another kind"],
)
def test_a_tool_of_two_meanings_does_not_pass_a_tool_list(daemon: Daemon, tool: bytes) -> None:
    key = daemon.create_key(allowed_tools=["good"])
    answer = send(daemon, post(CHAT, spliced(b'"tools": [' + tool + b"]"), bearer(key.secret)))
    assert_refused(answer, 400, "invalid_value", "tools")


def test_a_change_of_nothing_changes_nothing(daemon: Daemon, key: Key) -> None:
    answer = daemon.admin.put(f"{KEYS}/{key.id}", json={})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_a_model_is_owned_by_the_provider_that_the_key_may_use(start: StartDaemon) -> None:
    daemon = start(
        "providers:\n  one: {type: fake, models: [m]}\n  two: {type: fake, models: [m]}\n"
        "model_map: {}\n"
    )
    names = {row["id"] for row in daemon.admin.get("/-/models").json()["data"]}
    key = daemon.create_key(providers=["two"])
    with daemon.client(key.headers) as client:
        rows = client.get("/v1/models").json()["data"]
    assert names
    assert rows
    assert {row["owned_by"] for row in rows} == {"two"}
