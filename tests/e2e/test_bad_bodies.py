"""What bad bodies of inference calls get: wrong, too large, compressed, of two meanings."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bad_input import (
    CHAT,
    COMPLETIONS,
    COUNT,
    COUNT_CONTENT,
    COUNT_MESSAGES,
    DEEP,
    GENERATE,
    GOOD_BODY,
    GOODS,
    JSON,
    KEYS,
    MESSAGES,
    STREAM,
    assert_refused,
    bearer,
    body_with,
    dialect_of,
    good_body,
    post,
    send,
    spliced,
)
from tests.daemon_process import Daemon, Key
from tests.raw_http import exchange, request

pytestmark = pytest.mark.usefixtures("it_goes_on")

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


UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda good: good[:-1],
    "no object": lambda _: b"[]",
    "null": lambda _: b"null",
    "two objects": lambda good: good * 2,
    "byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "utf-16": lambda good: good.decode().encode("utf-16"),
    "nan": lambda good: good[:-1] + b', "x": NaN}',
    "no utf-8": lambda good: good.replace(b"Hello", b"\xff"),
    "no utf-8 in a field": lambda good: good[:-1] + b', "x": "\xc3\x28"}',
    "deep": lambda good: good[:-1] + b', "x": ' + DEEP + b"}",
}


@pytest.mark.parametrize("path", sorted(GOODS.keys() - {CHAT, COUNT}))
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_nobody_can_read(daemon: Daemon, key: Key, path: str, name: str) -> None:
    answer = send(daemon, post(path, UNREADABLE[name](good_body(path)), bearer(key.secret)))
    assert_refused(answer, 400, "invalid_json", dialect=dialect_of(path))


FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    (MESSAGES, {"model": ""}, "missing_model", "model"),
    (MESSAGES, {"model": 1}, "invalid_type", "model"),
    (MESSAGES, {"model": "m" * 5_000_000}, "invalid_value", "model"),
    (MESSAGES, {"max_tokens": None}, "missing_max_tokens", "max_tokens"),
    (MESSAGES, {"max_tokens": 0}, "invalid_value", "max_tokens"),
    (MESSAGES, {"max_tokens": "50"}, "invalid_type", "max_tokens"),
    (MESSAGES, {"messages": []}, "missing_messages", "messages"),
    (MESSAGES, {"messages": "Hello"}, "invalid_type", "messages"),
    (MESSAGES, {"stream": "yes"}, "invalid_type", "stream"),
    (MESSAGES, {"tools": {}}, "invalid_type", "tools"),
    (COUNT_MESSAGES, {"messages": []}, "missing_messages", "messages"),
    (COMPLETIONS, {"model": ""}, "missing_model", "model"),
    (COMPLETIONS, {"prompt": None}, "invalid_type", "prompt"),
    (COMPLETIONS, {"prompt": 1}, "invalid_type", "prompt"),
    (COMPLETIONS, {"n": "2"}, "invalid_type", "n"),
    (GENERATE, {"contents": []}, "missing_contents", "contents"),
    (GENERATE, {"contents": "Hello"}, "invalid_type", "contents"),
    (GENERATE, {"generationConfig": []}, "invalid_type", "generationConfig"),
    (
        GENERATE,
        {"generationConfig": {"maxOutputTokens": "many"}},
        "invalid_type",
        "generationConfig.maxOutputTokens",
    ),
    (STREAM, {"generationConfig": {"topP": "x"}}, "invalid_type", "generationConfig.topP"),
    (
        GENERATE,
        {"contents": [{"parts": [{"text": "Hello"}, {"text": 1}]}]},
        "invalid_type",
        "contents[0].parts[1].text",
    ),
    (STREAM, {"contents": None}, "missing_contents", "contents"),
    (COUNT_CONTENT, {"contents": None}, "missing_contents", "contents"),
]


@pytest.mark.parametrize(
    ("path", "fields", "code", "param"),
    FIELDS,
    ids=[f"{path} {str(fields)[:60]}" for path, fields, _, _ in FIELDS],
)
def test_field_in_another_dialect(
    daemon: Daemon, path: str, fields: dict[str, Any], code: str, param: str
) -> None:
    one_at_once = daemon.create_key(max_concurrency=1)
    body = good_body(path, **fields)
    answer = send(daemon, post(path, body, bearer(one_at_once.secret)))
    assert_refused(answer, 400, code, param, dialect=dialect_of(path))
    assert send(daemon, post(path, good_body(path), bearer(one_at_once.secret))).status == 200


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
        spliced(b'"tools": [{"function": {"name": "\\ud800"}}]'),
        spliced(b'"messages": [{"role": "user", "content": "\\ud800"}]'),
    ],
    ids=["stream options", "tool name", "message"],
)
def test_no_body_keeps_the_callers_slot(daemon: Daemon, body: bytes) -> None:
    """What breaks only in a later stage is the caller's mistake, too, and gives the slot back."""
    one_at_once = daemon.create_key(max_concurrency=1, denied_tools=["nothing"])
    answer = send(daemon, post(CHAT, body, bearer(one_at_once.secret)))
    assert answer.status == 400, answer.body
    assert answer.error["type"] == "invalid_request_error"
    assert daemon.chat(one_at_once).status_code == 200


def test_no_depth_is_a_fault_of_ours(daemon: Daemon) -> None:
    """What is just not too deep where it is looked at first is too deep in a later stage."""
    one_at_once = daemon.create_key(max_concurrency=1)
    later = 0
    for depth in range(960, 1000):
        nested = b"[" * depth + b"]" * depth
        body = spliced(b'"stream": true, "stream_options": {"x": ' + nested + b"}")
        answer = send(daemon, post(CHAT, body, bearer(one_at_once.secret)))
        assert answer.status in (200, 400), answer.body
        later += answer.status == 400 and answer.error["param"] == "stream_options"
    assert later
    assert daemon.chat(one_at_once).status_code == 200


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


MEBIBYTE = b"x" * 1024 * 1024


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
@pytest.mark.parametrize("path", [CHAT, COUNT, MESSAGES, STREAM, KEYS, "/-/reload", "/nowhere"])
def test_50_megabytes(daemon: Daemon, key: Key, path: str, *, is_chunked: bool) -> None:
    secret = daemon.admin_token if path.startswith("/-/") else key.secret
    parts = large(path, bearer(secret), is_chunked=is_chunked)
    answer = exchange(daemon.address, parts)
    assert_refused(answer, 413, "request_too_large", dialect=dialect_of(path))


@pytest.mark.parametrize("path", [CHAT, KEYS])
def test_a_size_over_the_limit_is_refused_before_it_is_sent(
    daemon: Daemon, key: Key, path: str
) -> None:
    secret = daemon.admin_token if path.startswith("/-/") else key.secret
    head = request(f"POST {path}", JSON, "Content-Length: 52428800", bearer(secret))
    assert_refused(send(daemon, head), 413, "request_too_large")


@pytest.mark.parametrize("path", [CHAT, MESSAGES, GENERATE])
def test_a_stranger_sends_no_large_body(daemon: Daemon, path: str) -> None:
    answer = exchange(daemon.address, large(path, is_chunked=True))
    assert_refused(answer, 401, "missing_api_key", dialect=dialect_of(path))


@pytest.mark.parametrize("path", [CHAT, MESSAGES, GENERATE])
def test_a_compressed_body(daemon: Daemon, key: Key, path: str) -> None:
    answer = send(daemon, post(path, b"\x1f\x8b", bearer(key.secret), "Content-Encoding: gzip"))
    dialect = dialect_of(path)
    assert_refused(answer, 415, "unsupported_encoding", "content-encoding", dialect=dialect)


def test_tokens_of_a_prompt_as_large_as_a_chat_can_be_counted(daemon: Daemon, key: Key) -> None:
    body = body_with(messages=[{"role": "user", "content": "a" * 4_000_000}])
    answer = send(daemon, post(COUNT, body, bearer(key.secret)))
    assert (answer.status, json.loads(answer.body)["token_count"]) == (200, 1_000_007)
