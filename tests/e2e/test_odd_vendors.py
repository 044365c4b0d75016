"""Vendors that say what they should not, over real sockets: what the caller gets to see."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon
from tests.scripted_vendor import (
    COMPLETION,
    FOR_EVER_S,
    STREAM_HEAD,
    ScriptedVendor,
    Step,
    delta,
    event,
    plain,
    scripted_vendor,
)

CONFIG = """
server: {{stream_idle_timeout: 400ms, default_request_timeout: 5s, shutdown_timeout: 1s}}
providers:
  odd: {{type: openai, base_url: "{url}", auto_discover: false}}
  spare: {{type: fake}}
"""
DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, vendor: ScriptedVendor
) -> Iterator[tuple[Daemon, Key]]:
    folder: Path = tmp_path_factory.mktemp("odd")
    daemon = start_daemon(folder, CONFIG.format(url=vendor.url))
    yield daemon, daemon.create_key()
    stop_daemon(daemon)
    assert '"level": "error"' not in daemon.log, daemon.log


@pytest.fixture
def chat(
    gateway: tuple[Daemon, Key], vendor: ScriptedVendor, request: pytest.FixtureRequest
) -> "Chat":
    return Chat(*gateway, vendor, request.node.name)


class Chat:
    """Have the vendor say something, and get what a caller gets."""

    def __init__(self, daemon: Daemon, key: Key, vendor: ScriptedVendor, model: str) -> None:
        self.daemon, self.key, self.vendor, self.model = daemon, key, vendor, model

    def whole(self, *steps: Step) -> httpx2.Response:
        self.vendor[self.model] = list(steps)
        return self.daemon.chat(self.key, model=f"odd/{self.model}")

    def stream(self, *steps: Step) -> httpx2.Response:
        self.vendor[self.model] = [STREAM_HEAD, *steps]
        return self.daemon.chat(self.key, model=f"odd/{self.model}", stream=True)


def last_error(answer: httpx2.Response) -> dict[str, object]:
    last = answer.content.rstrip().split(b"\n\n")[-1]
    error: dict[str, object] = json.loads(last.removeprefix(b"data: "))["error"]
    return error


@pytest.mark.parametrize(
    ("sent", "relayed"),
    [
        ([delta("a"), delta("b", "stop")], delta("a") + delta("b", "stop")),
        ([delta("a"), b"data: [DONE]\n"], delta("a")),
        ([delta("a"), b"data: [DONE]"], delta("a")),
        ([b"data:\n\n", delta("a"), b"data: \n\n", DONE], delta("a")),
        ([delta("a").replace(b"\n\n", b"\r\n\r"), 0.05, b"\n", DONE], None),
        ([delta("a", "stop").rstrip()], delta("a", "stop")),
    ],
    ids=["no-end-marker", "one-newline", "no-newline", "empty-data", "split-crlf", "no-blank-line"],
)
def test_a_complete_stream_that_ends_oddly_is_complete(
    chat: Chat, sent: list[Step], relayed: bytes | None
) -> None:
    answer = chat.stream(*sent)
    assert answer.status_code == 200
    if relayed is not None:
        assert answer.content == relayed + DONE
    assert answer.content.endswith(DONE)
    trace = chat.daemon.trace(answer.headers["x-request-id"])
    assert (trace["is_complete"], trace["error_code"]) == (True, None)


def test_what_came_before_a_broken_event_is_relayed(chat: Chat) -> None:
    answer = chat.stream(delta("a") + delta("b") + b"data: {oops\n\n" + delta("c"))
    assert answer.status_code == 200
    assert answer.content.startswith(delta("a") + delta("b") + b'data: {"error"')
    assert last_error(answer)["code"] == "invalid_upstream_response"


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("overloaded_error", 502, "overloaded_error"),
        (429, 429, "provider_429"),
        (400, 400, "provider_400"),
    ],
)
def test_an_error_as_the_first_event_is_a_real_error(
    chat: Chat, code: object, status: int, told: str
) -> None:
    answer = chat.stream(event(error={"message": "Too busy now.", "code": code}))
    assert answer.status_code == status
    assert "Too busy now." in answer.json()["error"]["message"]
    assert answer.json()["error"]["code"] == told
    trace = chat.daemon.trace(answer.headers["x-request-id"])
    assert "busy" not in str(trace)


def test_an_error_under_200_is_the_same_without_a_stream(chat: Chat) -> None:
    answer = chat.whole(plain({"error": {"message": "Too busy now.", "code": 429}}))
    assert (answer.status_code, answer.json()["error"]["message"]) == (429, "Too busy now.")


def test_a_vendors_error_is_bounded_and_pages_are_not_quoted(chat: Chat) -> None:
    words = {"message": "m" * 5000, "type": "t" * 65, "code": "c d", "param": "p" * 200}
    error = chat.whole(plain({"error": words}, status=400)).json()["error"]
    assert error == {
        "message": "m" * 2000,
        "type": "invalid_request_error",
        "code": "provider_400",
        "param": "p" * 128,
    }
    error = chat.whole(plain(b"<html>Not <b>here</b></html>", status=404)).json()["error"]
    assert "html" not in error["message"]
    error = chat.whole(plain([{"error": {"message": "bad n", "code": 400}}], status=400)).json()
    assert error["error"]["message"] == "bad n"


@pytest.mark.parametrize("value", ["inf", "1e400", "nan", "99999999999"])
def test_a_vendors_retry_after_is_bounded(chat: Chat, value: str) -> None:
    answer = chat.whole(plain({"error": {"message": "m"}}, status=429, retry_after=value))
    assert answer.status_code == 429
    assert answer.headers.get("retry-after") in (None, "86400")


def test_a_plain_body_may_pause_for_longer_than_a_stream(chat: Chat) -> None:
    whole = plain(COMPLETION)
    answer = chat.whole(whole[:-5], 0.8, whole[-5:])
    assert (answer.status_code, answer.json()) == (200, COMPLETION)


def test_before_the_first_event_only_the_deadline_counts(chat: Chat) -> None:
    answer = chat.stream(b": thinking\n\n", 0.8, delta("a"), DONE)
    assert answer.content == delta("a") + DONE


def test_the_callers_own_limit_is_not_the_providers_failure(chat: Chat) -> None:
    def errors() -> int:
        listed = chat.daemon.admin.get("/-/health/providers").json()["providers"]
        return next(int(one["error_count"]) for one in listed if one["id"] == "odd")

    before = errors()
    chat.vendor[chat.model] = [FOR_EVER_S]
    limit = {"x-prism-request-timeout": "20"}
    answer = chat.daemon.chat(chat.key, model=f"odd/{chat.model}", headers=limit)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "gateway_timeout")
    assert "did not answer within" in answer.json()["error"]["message"]
    assert "0.0 s" not in answer.json()["error"]["message"]
    assert errors() == before
