"""Requests that must be refused, and what a refusal looks like in each dialect."""

import json
from typing import Any

from tests.daemon_process import Daemon
from tests.raw_http import Answer, exchange, request

CHAT = "/v1/chat/completions"
COUNT = "/v1/count_tokens"
KEYS = "/-/keys"
MESSAGES = "/v1/messages"
COUNT_MESSAGES = "/v1/messages/count_tokens"
COMPLETIONS = "/v1/completions"
GENERATE = "/v1beta/models/fake/echo:generateContent"
STREAM = "/v1beta/models/fake/echo:streamGenerateContent"
COUNT_CONTENT = "/v1/models/fake/echo:countTokens"

GOOD = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
GOOD_MESSAGE = {**GOOD, "max_tokens": 50}
GOOD_CONTENT = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
GOODS: dict[str, dict[str, Any]] = {
    CHAT: GOOD,
    COUNT: GOOD,
    MESSAGES: GOOD_MESSAGE,
    COUNT_MESSAGES: GOOD_MESSAGE,
    COMPLETIONS: {"model": "fake/echo", "prompt": "Hello"},
    GENERATE: GOOD_CONTENT,
    STREAM: GOOD_CONTENT,
    COUNT_CONTENT: GOOD_CONTENT,
}
"""Every endpoint of inference, and a body that it takes."""
GOOD_BODY = json.dumps(GOOD).encode()
JSON = "Content-Type: application/json"
DEEP = b"[" * 100_000 + b"]" * 100_000


def bearer(secret: str) -> str:
    return f"Authorization: Bearer {secret}"


def post(path: str, body: bytes, *headers: str) -> bytes:
    return request(f"POST {path}", JSON, f"Content-Length: {len(body)}", *headers, body=body)


def send(daemon: Daemon, *parts: bytes) -> Answer:
    return exchange(daemon.address, parts)


def good_body(path: str, **fields: Any) -> bytes:
    """Write a body that an endpoint takes, with other fields than the good ones."""
    return json.dumps({**GOODS[path], **fields}).encode()


def dialect_of(path: str) -> str:
    """Say whose API a path is of; the lists of models are left out."""
    if path.startswith("/v1beta/") or (path.startswith("/v1/models/") and ":" in path):
        return "google"
    return "anthropic" if path.startswith("/v1/messages") else "openai"


def told(answer: Answer, dialect: str) -> dict[str, Any]:
    """Return what a refusal says; fails when it is not of this dialect."""
    if dialect == "openai":
        return answer.error
    body = json.loads(answer.body)
    error: dict[str, Any] = body["error"]
    if dialect == "anthropic":
        assert body.keys() == {"type", "error", "request_id"}, body
        assert body["type"] == "error"
        assert body["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
        assert error["type"].endswith(("_error", "_too_large")), error
        return error
    assert (body.keys(), error["code"]) == ({"error"}, answer.status), body
    assert error["status"].isupper()
    (info,) = (one for one in error["details"] if one["@type"].endswith("ErrorInfo"))
    param = info.get("metadata", {}).get("param")
    return {"message": error["message"], "code": info["reason"].lower(), "param": param}


def assert_refused(
    answer: Answer, status: int, code: str, param: str | None = None, *, dialect: str = "openai"
) -> None:
    assert answer.status == status, answer.body[:500]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    error = told(answer, dialect)
    assert (error["code"], error["param"]) == (code, param), error
    assert 10 < len(error["message"]) < 600
    assert error["message"].endswith((".", "…'.")), error


def body_with(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def spliced(field: bytes) -> bytes:
    """Add a field that Python's encoder would not write."""
    return GOOD_BODY[:-1] + b", " + field + b"}"
