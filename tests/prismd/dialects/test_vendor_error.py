import json

import pytest

from prismd.dialects.vendor_error import parse_retry_after, read_embedded_error, read_error
from prismd.kernel import clock


@pytest.mark.parametrize(
    ("status", "ours", "code"),
    [
        (400, 400, "vendor_code"),
        (404, 404, "vendor_code"),
        (413, 413, "vendor_code"),
        (422, 422, "vendor_code"),
        (429, 429, "vendor_code"),
        (401, 502, "provider_auth_failed"),
        (403, 502, "provider_auth_failed"),
        (500, 502, "provider_500"),
        (503, 502, "provider_503"),
        (529, 502, "provider_529"),
        (302, 502, "provider_302"),
    ],
)
def test_vendor_errors_are_mapped(status: int, ours: int, code: str) -> None:
    body = b'{"error":{"message":"no","type":"t","param":"p","code":"vendor_code"}}'
    error = read_error(status, {"retry-after": "7"}, body, provider="acme")
    assert (error.status, error.code, error.upstream_status) == (ours, code, status)
    if ours == status:
        assert (error.message, error.type, error.param) == ("no", "t", "p")
    if status in (429, 503):
        assert error.retry_after_s == 7


NO = "Provider 'acme' refused the request with status 422."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"text"}}', "text"),
        (b'[{"error":{"code":400,"message":"text","status":"INVALID_ARGUMENT"}}]', "text"),
        (b'{"error":"text"}', "text"),
        (b'{"message":"text"}', "text"),
        (b'{"error":null,"message":"text"}', "text"),
        (b'{"detail":"text"}', "text"),
        (b'{"detail":[{"loc":["body","n"],"msg":"too big"}]}', "body.n: too big"),
        (b'{"message":{"detail":[{"loc":["a"],"msg":"x"},{"loc":["b"],"msg":"y"}]}}', "a: x; b: y"),
        (b'"text"', "text"),
        (b"no such  model\n", "no such model"),
        (b"", NO),
        (b"<html><body>Bad Gateway</body></html>", NO),
        (b"Oops <!doctype html>", NO),
        (b"\xff\xfe\x00", NO),
        (b"word " * 200, NO),
        (b"{}", NO),
        (b"[]", NO),
        (b"null", NO),
        (b"7", NO),
        (b'{"error":{"message":{"deep":1}}}', NO),
        (b'{"error":' * 500 + b"1" + b"}" * 500, NO),
        (b"[" * 100_000, NO),
    ],
)
def test_every_usual_shape_of_an_error_is_read(body: bytes, message: str) -> None:
    error = read_error(422, {}, body, provider="acme")
    assert (error.status, error.message) == (422, message)


@pytest.mark.parametrize("word", ["", "a b", "x" * 65, "ü", "a\r\nb", "<b>", {}, 10**70, None])
def test_a_code_or_type_that_is_no_name_is_not_passed_on(word: object) -> None:
    body = json.dumps({"error": {"message": "m", "type": word, "code": word}}).encode()
    error = read_error(404, {}, body, provider="acme")
    assert (error.type, error.code) == ("not_found", "provider_404")


def test_a_code_or_type_that_is_a_name_is() -> None:
    body = {"error": {"message": "m", "type": "a.b-c_D", "code": 1234}}
    error = read_error(404, {}, json.dumps(body).encode(), provider="acme")
    assert (error.type, error.code) == ("a.b-c_D", "1234")


def test_param_and_message_are_bounded() -> None:
    body = {"error": {"message": "m" * 9999, "param": "p\n\x1b" * 9999}}
    error = read_error(400, {}, json.dumps(body).encode(), provider="acme")
    assert (error.message, error.param) == ("m" * 2000, "p" * 128)


@pytest.mark.parametrize(
    ("code", "status", "ours"),
    [
        (429, 429, "provider_429"),
        ("503", 502, "provider_503"),
        (401, 502, "provider_auth_failed"),
        ("overloaded", 502, "overloaded"),
        (None, 502, "upstream_error"),
        (200, 502, "200"),
    ],
)
def test_an_error_under_a_success_is_read_as_the_status_that_it_names(
    code: object, status: int, ours: str
) -> None:
    body = json.dumps({"error": {"message": "m", "code": code}}).encode()
    error = read_embedded_error(body, provider="acme")
    assert (error.status, error.code) == (status, ours)
    assert error.upstream_status is not None


def google(status: str, reason: str) -> bytes:
    details = [{"@type": "google.rpc.Help"}, {"@type": "google.rpc.ErrorInfo", "reason": reason}]
    error = {"code": 400, "message": "m sk-live", "status": status, "details": details}
    return json.dumps({"error": error}).encode()


def test_googles_word_for_a_status_is_the_code() -> None:
    error = read_error(400, {}, google("INVALID_ARGUMENT", "FIELD_INVALID"), provider="acme")
    assert (error.status, error.code) == (400, "invalid_argument")


def test_googles_400_for_the_gateways_own_key_is_not_the_callers() -> None:
    error = read_error(400, {}, google("INVALID_ARGUMENT", "API_KEY_INVALID"), provider="acme")
    assert (error.status, error.code) == (502, "provider_auth_failed")
    assert error.upstream_status == 401
    assert "sk-live" not in error.message


def test_a_vendors_401_does_not_repeat_what_it_says_of_our_key() -> None:
    body = b'{"error":{"message":"Incorrect API key provided: sk-live-123"}}'
    assert "sk-live" not in read_error(401, {}, body, provider="acme").message


def test_retry_after_in_seconds_or_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_s", lambda: 784_111_777.0)
    assert parse_retry_after("1.5") == 1.5
    assert parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT") == 10
    assert parse_retry_after("soon") is None
    assert parse_retry_after(None) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("inf", 86_400),
        ("1e400", 86_400),
        ("9" * 400, 86_400),
        ("86401", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Sat, 01 Jan 0001 00:00:00 +2300", 0),
        ("-inf", 0),
        ("-5", 0),
        ("nan", None),
    ],
)
def test_an_endless_retry_after_is_bounded(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds
