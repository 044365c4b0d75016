"""Several providers of one model, over real sockets: the next one when one fails."""

import socket

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon
from tests.fake_process import FakeProcess

TWO = """
providers:
  first: {{type: openai, base_url: "{first}", models: [echo]}}
  second: {{type: openai, base_url: "{second}/v1", models: [echo]}}
routing:
  failover: {{enabled: {enabled}, max_attempts: 2}}
"""


def refusing_url() -> str:
    """Return a loopback address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def pair(start: StartDaemon, fake_process: FakeProcess) -> Daemon:
    """A gateway whose first provider is away and whose second works; with and without ``/v1``."""
    second = fake_process.url.removesuffix("/v1")
    return start(TWO.format(first=refusing_url(), second=second, enabled="true"))


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_next_provider_answers_when_the_first_is_away(pair: Daemon, *, is_stream: bool) -> None:
    answer = pair.chat(pair.create_key(), model="echo", stream=is_stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-prism-provider"] == "second"
    assert answer.headers["x-prism-attempts"] == "2"
    trace = pair.trace(answer.headers["x-request-id"])
    assert [one["outcome"] for one in trace["attempts"]] == ["provider_unreachable", "ok"]
    health = pair.admin.get("/-/health/providers").json()["providers"]
    assert {one["id"]: one["state"] for one in health} == {"first": "failing", "second": "healthy"}
    assert pair.admin.get("/-/usage").json()["totals"]["requests"] == 1


def test_a_refusal_of_the_request_is_no_reason_to_try_another(pair: Daemon) -> None:
    key = pair.create_key(providers=["second"])
    answer = pair.chat(key, model="echo", headers={"x-prism-fake-status": "400"})
    assert (answer.status_code, answer.headers["x-prism-attempts"]) == (400, "1")
    health = pair.admin.get("/-/health/providers").json()["providers"]
    assert {one["id"]: one["error_count"] for one in health}["second"] == 0


def test_when_all_fail_the_answer_names_them(start: StartDaemon) -> None:
    config = TWO.format(first=refusing_url(), second=refusing_url(), enabled="true")
    daemon = start(config)
    answer = daemon.chat(daemon.create_key(), model="echo")
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "all_providers_unavailable"
    assert "first, second" in error["message"]
    assert int(answer.headers["retry-after"]) >= 1


def test_without_failover_the_first_failure_is_the_answer(
    start: StartDaemon, fake_process: FakeProcess
) -> None:
    second = fake_process.url.removesuffix("/v1")
    daemon = start(TWO.format(first=refusing_url(), second=second, enabled="false"))
    answer = daemon.chat(daemon.create_key(), model="echo")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_unreachable")
    assert answer.headers["x-prism-attempts"] == "1"


def test_a_vendors_words_are_not_kept(pair: Daemon) -> None:
    key = pair.create_key(providers=["second"])
    answer = pair.chat(key, model="no-such-model-at-the-vendor", text="my secret prompt")
    assert answer.status_code == 404
    answer = pair.chat(key, model="echo", text="my secret prompt", max_tokens=-1)
    assert answer.status_code == 400
    trace = pair.trace(answer.headers["x-request-id"])
    assert trace["error_code"]
    assert "secret" not in str(trace)
    assert answer.json()["error"]["message"] not in str(trace)
