"""The bytes of the benchmark: one chat request of about 270 bytes, its answer of about 1 KB.

Invariant: everything is made once, because the mock and the generator share a core and must not
be what is measured.
"""

import json
from typing import Any

MODEL = "gpt-4o-mini"
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
"""The same in Anthropic's dialect: what its vendor is asked is translated."""
DELTAS = 50
PACE_NS = 5_000_000
"""Between two events of a paced stream."""
PACED = b"paced"
HELD = b"held open"
FLOOD = b"without end"
FAILS = b"please fail"
"""In a request's text: pace the stream, keep it open after its first event, send a very long one,
answer 500."""
END = b"0\r\n\r\n"
"""Of a chunked body."""

_SAID = (
    "Say hello to the people of the town, and tell them what the weather will be tomorrow at noon."
)
_USAGE = {"prompt_tokens": 25, "completion_tokens": DELTAS, "total_tokens": 25 + DELTAS}
_COMMON = {"id": "chatcmpl-bench-4f1c9a7e6b2d8035", "created": 1_760_000_000, "model": MODEL}


def chat_body(*, stream: bool = False, marker: bytes = b"", path: str = CHAT) -> bytes:
    """Write a chat request in the dialect of a path; ``marker`` tells the mock how to answer."""
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant, brief and exact."},
            {"role": "user", "content": f"{_SAID}{marker.decode()}"},
        ],
        "max_tokens": 64,
        "temperature": 0.5,
    }
    if path == MESSAGES:
        system, user = body["messages"]
        body |= {"system": system["content"], "messages": [user]}
    return _json({**body, "stream": True} if stream else body)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _completion() -> bytes:
    message = {"role": "assistant", "content": f"Mock reply. {'x' * 560}", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    return _json({**body, "service_tier": "default", "system_fingerprint": "fp_mock"})


def _chunk(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _event(choices: list[dict[str, Any]], usage: dict[str, int] | None) -> bytes:
    body = {**_COMMON, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return _json(body)


def _delta(delta: dict[str, str], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


REPLY = _answer("200 OK", _completion())
FAILURE = _answer(
    "500 Internal Server Error",
    _json({"error": {"message": "mock", "type": "server_error", "param": None, "code": "mock"}}),
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_TIME_DIGITS = 19
_TIMED = _event([_delta({"content": "0" * _TIME_DIGITS + " "}, None)], None)
_TIMED_CHUNK = _chunk(_TIMED)
_TIMED_AT = _TIMED_CHUNK.index(b"0" * _TIME_DIGITS)


def timed_chunk(at_ns: int) -> bytes:
    """Write a delta whose text is when it was written, on the monotonic clock."""
    digits = b"%019d" % at_ns
    return _TIMED_CHUNK[:_TIMED_AT] + digits + _TIMED_CHUNK[_TIMED_AT + _TIME_DIGITS :]


STREAM_TAIL = (
    _chunk(_event([_delta({}, "stop")], None)),
    _chunk(_event([], _USAGE)),
    _chunk(b"[DONE]") + END,
)
BURST = (*(_TIMED_CHUNK,) * DELTAS, *STREAM_TAIL)
"""The events of a stream that is not paced."""
_FLOOD_BYTES = 8 << 20


def flood() -> bytes:
    """Write the events of a stream that no buffers can take in."""
    return _TIMED_CHUNK * (_FLOOD_BYTES // len(_TIMED_CHUNK)) + b"".join(STREAM_TAIL)


def http_request(body: bytes, headers: dict[str, str], path: str = CHAT) -> bytes:
    """Write the whole request of a chat call."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        "accept: */*",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
