"""Requests that must be refused, and what a refusal looks like."""

import json
from typing import Any

from tests.daemon_process import Daemon
from tests.raw_http import Answer, exchange, request

CHAT = "/v1/chat/completions"
COUNT = "/v1/count_tokens"
KEYS = "/-/keys"

GOOD = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
GOOD_BODY = json.dumps(GOOD).encode()
JSON = "Content-Type: application/json"
DEEP = b"[" * 100_000 + b"]" * 100_000


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
