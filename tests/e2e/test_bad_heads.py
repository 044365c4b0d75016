"""What bad heads get: hosts, paths, headers, and bytes that are no HTTP."""

import json

import pytest

from tests.bad_input import CHAT, GOOD_BODY, JSON, assert_refused, bearer, post, send
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


def test_a_head_over_the_limit_is_431(daemon: Daemon) -> None:
    answer = send(daemon, b"GET /healthz HTTP/1.1\r\n", b"h: " + b"v" * 40_000)
    assert_refused(answer, 431, "headers_too_large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", [8_188, 70_000])
def test_a_request_line_over_the_limit_is_414(daemon: Daemon, length: int) -> None:
    answer = send(daemon, request("GET /" + "a" * length))
    assert_refused(answer, 414, "request_line_too_long")
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
