"""Several providers of one model, over real sockets: the next one when one fails."""

import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key
from tests.fake_process import FakeProcess
from tests.raw_http import exchange, request
from tests.scripted_vendor import (
    COMPLETION,
    FOR_EVER_S,
    STREAM_HEAD,
    ScriptedVendor,
    delta,
    event,
    plain,
    scripted_vendor,
)

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


SLOW = """
server: {{default_request_timeout: {timeout}}}
providers:
  first: {{type: openai, base_url: "{first}", models: [m]}}
  second: {{type: openai, base_url: "{second}", models: [m]}}
routing:
  failover: {{enabled: true, on_timeout: {on_timeout}}}
"""


@pytest.fixture
def silent() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as vendor:
        vendor["m"] = [FOR_EVER_S]
        yield vendor


@pytest.fixture
def quick() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as vendor:
        vendor["m"] = [plain(COMPLETION)]
        yield vendor


def health(daemon: Daemon) -> dict[str, tuple[int, int]]:
    listed = daemon.admin.get("/-/health/providers").json()["providers"]
    return {one["id"]: (one["request_count"], one["error_count"]) for one in listed}


def test_a_silent_provider_leaves_time_for_the_next(
    start: StartDaemon, silent: ScriptedVendor, quick: ScriptedVendor
) -> None:
    config = SLOW.format(timeout="1s", first=silent.url, second=quick.url, on_timeout="true")
    daemon = start(config)
    answer = daemon.chat(daemon.create_key(), model="m")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-prism-provider"] == "second"
    trace = daemon.trace(answer.headers["x-request-id"])
    assert [one["outcome"] for one in trace["attempts"]] == ["gateway_timeout", "ok"]
    assert float(answer.headers["x-prism-latency-ms"]) > 450
    assert health(daemon) == {"first": (1, 1), "second": (1, 0)}


def test_all_are_silent_within_one_deadline(start: StartDaemon, silent: ScriptedVendor) -> None:
    config = SLOW.format(timeout="600ms", first=silent.url, second=silent.url, on_timeout="true")
    daemon = start(config)
    answer = daemon.chat(daemon.create_key(), model="m")
    assert answer.json()["error"]["code"] == "all_providers_unavailable"
    waited = re.search(r"'second' did not answer within (\d+) ms", answer.text)
    assert waited is not None, answer.text
    assert 0 < int(waited[1]) <= 300
    trace = daemon.trace(answer.headers["x-request-id"])
    assert [one["outcome"] for one in trace["attempts"]] == ["gateway_timeout"] * 2
    assert trace["latency_ms"] > 550


def test_without_failover_on_timeout_the_first_has_all_the_time(
    start: StartDaemon, silent: ScriptedVendor, quick: ScriptedVendor
) -> None:
    quick["m"] = [1.2, plain(COMPLETION)]
    config = SLOW.format(timeout="2s", first=quick.url, second=silent.url, on_timeout="false")
    daemon = start(config)
    answer = daemon.chat(daemon.create_key(), model="m")
    assert (answer.status_code, answer.headers["x-prism-provider"]) == (200, "first")


def test_an_error_as_a_streams_first_event_lets_the_next_provider_try(
    start: StartDaemon, silent: ScriptedVendor, quick: ScriptedVendor
) -> None:
    silent["m"] = [STREAM_HEAD, event(error={"message": "Too busy.", "code": "busy"})]
    quick["m"] = [STREAM_HEAD, delta("a", "stop")]
    config = SLOW.format(timeout="2s", first=silent.url, second=quick.url, on_timeout="true")
    daemon = start(config)
    answer = daemon.chat(daemon.create_key(), model="m", stream=True)
    assert (answer.status_code, answer.headers["x-prism-provider"]) == (200, "second")
    assert answer.content == delta("a", "stop") + b"data: [DONE]\n\n"
    assert health(daemon)["first"] == (1, 1)


BODY = b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'


def head_of(key: Key, *more: str) -> bytes:
    """Return the head of a call whose body is yet to come."""
    authorization = f"Authorization: Bearer {key.secret}"
    length = f"Content-Length: {len(BODY)}"
    return request("POST /v1/chat/completions", authorization, length, *more)


def test_the_time_that_a_body_takes_is_not_taken_from_the_callers_deadline(
    start: StartDaemon, quick: ScriptedVendor
) -> None:
    config = SLOW.format(timeout="5s", first=quick.url, second=quick.url, on_timeout="true")
    daemon = start(config)
    key = daemon.create_key()

    def late() -> Iterator[bytes]:
        yield head_of(key, "x-prism-request-timeout: 1000")
        time.sleep(1.2)
        yield BODY

    answer = exchange(daemon.address, late())
    assert answer.status == 200, answer.body
    assert health(daemon)["first"] == (1, 0)


def test_a_key_that_is_revoked_while_its_body_arrives_is_refused(
    start: StartDaemon, quick: ScriptedVendor
) -> None:
    config = SLOW.format(timeout="5s", first=quick.url, second=quick.url, on_timeout="true")
    daemon = start(config)
    key = daemon.create_key()

    def revoked() -> Iterator[bytes]:
        yield head_of(key)
        yield BODY[:10]
        time.sleep(0.1)  # the head has been looked at, and the key was in force
        assert daemon.admin.delete(f"/-/keys/{key.id}").status_code == 200
        yield BODY[10:]

    answer = exchange(daemon.address, revoked())
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert health(daemon) == {"first": (0, 0), "second": (0, 0)}


MIXED = """
providers:
  first: {{type: anthropic, base_url: "{url}", models: [echo, echo+status=503]}}
  second: {{type: groq, base_url: "{url}", models: [echo, echo+status=503]}}
routing: {{failover: {{enabled: {enabled}}}}}
"""


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_strict_caller_is_sent_where_nothing_is_lost(
    start: StartDaemon, fake_process: FakeProcess, enabled: str
) -> None:
    daemon = start(MIXED.format(url=fake_process.url, enabled=enabled))
    key = daemon.create_key(credits=1)
    lax = daemon.chat(key, model="echo", seed=7)
    assert (lax.headers["x-prism-provider"], lax.status_code) == ("first", 200)
    assert lax.headers["x-prism-translation-drops"] == "seed"
    strict = daemon.chat(key, model="echo", seed=7, headers={"x-prism-strict": "true"})
    if enabled == "false":  # then there is one target
        assert strict.json()["error"]["code"] == "translation_drops"
        return
    assert strict.status_code == 200, strict.text
    assert strict.headers["x-prism-provider"] == "second"
    assert "x-prism-translation-drops" not in strict.headers
    trace = daemon.trace(strict.headers["x-request-id"])
    assert [one["outcome"] for one in trace["attempts"]] == ["translation_drops", "ok"]
    health = daemon.admin.get("/-/health/providers").json()["providers"]
    assert {one["id"]: one["error_count"] for one in health} == {"first": 0, "second": 0}
    for is_strict, said in (("false", "All 2 providers"), ("true", "Provider 'second'")):
        headers = {"x-prism-strict": is_strict}
        failed = daemon.chat(key, model="echo+status=503", seed=7, headers=headers)
        assert failed.json()["error"]["message"].startswith(said)  # who was not asked did not fail


def test_a_strict_caller_is_refused_where_all_lose_something(
    start: StartDaemon, fake_process: FakeProcess
) -> None:
    config = MIXED.replace("groq", "anthropic").format(url=fake_process.url, enabled="true")
    daemon = start(config)
    key = daemon.create_key(credits=1)
    answer = daemon.chat(key, model="echo", seed=7, headers={"x-prism-strict": "true"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "translation_drops", "seed")
    assert "first" in error["message"]
    assert daemon.admin.get(f"/-/keys/{key.id}").json()["credit_held_nano_usd"] == 0
