"""What bad heads get: hosts, paths, headers, and bytes that are no HTTP."""

import json

import pytest

from tests.bad_input import (
    CHAT,
    GENERATE,
    GOOD_BODY,
    JSON,
    MESSAGES,
    STREAM,
    assert_refused,
    bearer,
    dialect_of,
    good_body,
    post,
    send,
)
from tests.daemon_process import Daemon, Key
from tests.raw_http import request

pytestmark = pytest.mark.usefixtures("it_goes_on")

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
@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/models", "/-/keys", "/nowhere", MESSAGES, STREAM]
)
def test_host(daemon: Daemon, host: str, path: str) -> None:
    status, code = HOSTS[host]
    answer = send(daemon, request(f"GET {path}", host=host))
    assert_refused(answer, status, code, "host", dialect=dialect_of(path))


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
    ["Authorization: Bearer x", "X-Api-Key: x", "X-Goog-Api-Key: x", JSON, "If-Match: 1"],
)
def test_duplicate_headers(daemon: Daemon, line: str) -> None:
    name = line.partition(":")[0].lower()
    dialect = "google" if "goog" in name else "openai"
    answer = send(daemon, request("GET /v1/models", line, line.lower()))
    assert_refused(answer, 400, "duplicate_header", name, dialect=dialect)


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


CALL_PATHS: dict[str, tuple[int, str, str | None, str]] = {
    "GET /v1/messages": (405, "method_not_allowed", None, "anthropic"),
    "PUT /v1/messages/count_tokens": (405, "method_not_allowed", None, "anthropic"),
    "POST /v1/messages/nowhere": (404, "not_found", None, "anthropic"),
    "POST /v1/messages/": (404, "not_found", None, "anthropic"),
    "POST /v1/messages/../messages": (400, "invalid_path", None, "anthropic"),
    "GET /v1beta/models/fake/echo:generateContent": (405, "method_not_allowed", None, "google"),
    "DELETE /v1/models/fake/echo:countTokens": (405, "method_not_allowed", None, "openai"),
    "POST /v1beta/models/fake/echo": (405, "method_not_allowed", None, "google"),
    "POST /v1beta/models/fake/echo:embedContent": (404, "unknown_action", None, "google"),
    "POST /v1/models/fake/echo:embedContent": (404, "unknown_action", None, "google"),
    "POST /v1beta/models/fake/echo:": (404, "unknown_action", None, "google"),
    "POST /v1beta/models/fake/echo:generateContent/": (405, "method_not_allowed", None, "google"),
    "POST /v1beta/models/:generateContent": (400, "missing_model", "model", "google"),
    "POST /v1beta/models/%7Bmodel%7D:generateContent": (404, "model_not_found", "model", "google"),
    "POST /v1beta/models/nope:generateContent": (404, "model_not_found", "model", "google"),
    "POST /v1beta/models/..%2f..%2f-%2fkeys:generateContent": (
        404,
        "model_not_found",
        "model",
        "google",
    ),
    "POST /v1beta/models/%2e%2e/echo:generateContent": (400, "invalid_path", None, "google"),
    "POST /v1beta/models/fake%252Fecho:generateContent": (400, "invalid_path", None, "google"),
    "POST /v1beta/models//echo:generateContent": (400, "invalid_path", None, "google"),
    "POST /v1beta/nowhere": (404, "not_found", None, "google"),
    "GET /v1beta/models/fake/nope": (404, "model_not_found", "model", "google"),
    "GET /v1beta/models/fake/echo:free": (404, "model_not_found", "model", "google"),
    "POST /v1beta%2fmodels/fake/echo:generateContent": (400, "invalid_path", None, "google"),
}


@pytest.mark.parametrize("line", CALL_PATHS)
def test_path_of_a_call(daemon: Daemon, key: Key, line: str) -> None:
    status, code, param, dialect = CALL_PATHS[line]
    body = good_body(GENERATE)
    head = [bearer(key.secret), JSON, f"Content-Length: {len(body)}"]
    answer = send(daemon, request(line, *head, body=body))
    assert_refused(answer, status, code, param, dialect=dialect)


@pytest.mark.parametrize(
    "model", ["fake/echo", "fake%2Fecho", "fake/echo+tokens=3", "fake/echo%2Btokens=3"]
)
@pytest.mark.parametrize("mark", [":", "%3A", "%3a"])
def test_a_model_in_the_path_of_a_call(daemon: Daemon, key: Key, model: str, mark: str) -> None:
    for base in ("/v1beta", "/v1"):
        path = f"{base}/models/{model}{mark}generateContent"
        answer = send(daemon, post(path, good_body(GENERATE), bearer(key.secret)))
        assert answer.status == 200, answer.body
        assert answer.headers["x-prism-provider"] == "fake"


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


@pytest.mark.parametrize("path", [MESSAGES, GENERATE])
def test_what_is_no_http_on_the_way_to_another_dialect(daemon: Daemon, path: str) -> None:
    answer = send(daemon, request(f"POST {path}", "Content-Length: -1"))
    assert_refused(answer, 400, "invalid_http", dialect=dialect_of(path))


@pytest.mark.parametrize("path", ["/healthz", MESSAGES, GENERATE])
def test_a_head_over_the_limit_is_431(daemon: Daemon, path: str) -> None:
    answer = send(daemon, f"POST {path} HTTP/1.1\r\n".encode(), b"h: " + b"v" * 40_000)
    assert_refused(answer, 431, "headers_too_large", dialect=dialect_of(path))
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/", f"{MESSAGES}?", "/v1beta/models/"])
@pytest.mark.parametrize("length", [8_188, 70_000])
def test_a_request_line_over_the_limit_is_414(daemon: Daemon, length: int, path: str) -> None:
    answer = send(daemon, request(f"GET {path}" + "a" * length))
    assert_refused(answer, 414, "request_line_too_long", dialect=dialect_of(path))
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("other", ["x-prism", "X-Prism", "x-agentcc"])
def test_a_header_of_ours_given_twice_is_400(daemon: Daemon, key: Key, other: str) -> None:
    twice = ("x-prism-request-timeout: 5", f"{other}-request-timeout: 5000")
    answer = send(daemon, post(CHAT, GOOD_BODY, bearer(key.secret), *twice))
    assert_refused(answer, 400, "duplicate_header", "x-prism-request-timeout")


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
