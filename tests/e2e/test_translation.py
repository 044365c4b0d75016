"""Calls that are translated: what is lost is told, what cannot be is refused, and money is kept."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.contract.sdks import SCHEMA
from tests.daemon_process import Daemon, Key, start_daemon, stop_daemon, wait_for

CONFIG = """
providers:
  fake: {type: fake}
  anthropic: {type: fake, api_format: anthropic}
  google: {type: fake, api_format: google}
  bedrock: {type: fake, api_format: bedrock}
  cohere: {type: fake, api_format: cohere}
"""
VENDORS = ("fake", "anthropic", "google", "bedrock", "cohere")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = start_daemon(tmp_path_factory.mktemp("prismd"), CONFIG)
    yield daemon
    stop_daemon(daemon)


@pytest.fixture(scope="module")
def key(daemon: Daemon) -> Key:
    return daemon.create_key("payer", key_type="managed", credits=10)


def post(daemon: Daemon, key: Key, path: str, /, **body: Any) -> httpx2.Response:
    headers = {**key.headers, **body.pop("headers", {})}
    return daemon.admin.post(path, json=body, headers=headers)


def held(daemon: Daemon, key: Key) -> bool:
    return bool(daemon.admin.get(f"/-/keys/{key.id}").json()["credit_held_nano_usd"])


# ── drops ────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_vendor_is_not_told_is_named(daemon: Daemon, key: Key) -> None:
    asked = {
        "model": "anthropic/echo",
        "messages": [{"role": "user", "content": "hi"}],
        "seed": 7,
        "logit_bias": {"5": 1},
        "n": 2,
        "prediction": {"type": "content", "content": "hi"},
    }
    answer = post(daemon, key, "/v1/chat/completions", **asked)
    assert answer.status_code == 200
    drops = set(answer.headers["x-prism-translation-drops"].split(","))
    assert drops == {"seed", "logit_bias", "n", "prediction"}
    stages = daemon.trace(answer.headers["x-request-id"])["stages"]
    detail = next(one["detail"] for one in stages if one["stage"] == "attempt")
    assert set(detail["drops"]) == drops
    assert detail["dialect"] == "anthropic"
    strict = post(daemon, key, "/v1/chat/completions", **asked, headers={"x-prism-strict": "true"})
    assert strict.status_code == 400
    error = strict.json()["error"]
    assert error["code"] == "translation_drops"
    assert error["param"] in drops
    assert not held(daemon, key)


def test_nothing_is_lost_where_both_speak_the_same(daemon: Daemon, key: Key) -> None:
    answer = post(
        daemon,
        key,
        "/v1/messages",
        model="anthropic/echo",
        max_tokens=9,
        messages=[{"role": "user", "content": "hi"}],
        top_k=3,
        headers={"x-prism-strict": "true"},
    )
    assert answer.status_code == 200
    assert "x-prism-translation-drops" not in answer.headers


# ── bad input ────────────────────────────────────────────────────────────────────────────────────


def image(url: str) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "private network": ({"messages": image("http://169.254.169.254/latest")}, "url_not_allowed"),
    "loopback": ({"messages": image("https://localhost/a.png")}, "url_not_allowed"),
    "cut base64": ({"messages": image("data:image/png;base64,iVBORw0KG")}, "invalid_value"),
    "another scheme": ({"messages": image("file:///etc/passwd")}, "invalid_url"),
    "unknown role": ({"messages": [{"role": "robot", "content": "hi"}]}, "invalid_value"),
    "unknown part": (
        {"messages": [{"role": "user", "content": [{"type": "smell", "smell": "x"}]}]},
        "invalid_value",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_with_its_path_and_holds_nothing(
    daemon: Daemon, key: Key, case: str
) -> None:
    body, code = BAD[case]
    answer = post(daemon, key, "/v1/chat/completions", model="bedrock/echo", **body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["param"].startswith("messages")
    assert "Traceback" not in answer.text
    assert not held(daemon, key)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_tool_with_a_schema_of_two_megabytes_is_passed_on(
    daemon: Daemon, key: Key, vendor: str
) -> None:
    schema = {**SCHEMA, "description": "x" * 2_000_000}
    answer = post(
        daemon,
        key,
        "/v1/messages",
        model=f"{vendor}/echo",
        max_tokens=50,
        messages=[{"role": "user", "content": "hi"}],
        tools=[{"name": "weather", "input_schema": schema}],
    )
    assert answer.status_code == 200, answer.text[:300]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("fault", ["malformed=2", "cut=2"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_vendor_that_breaks_off_is_told_of_and_nothing_stays_held(
    daemon: Daemon, key: Key, vendor: str, fault: str, *, stream: bool
) -> None:
    answer = post(
        daemon,
        key,
        "/v1/messages",
        model=f"{vendor}/lorem+tokens=40+{fault}",
        max_tokens=100,
        messages=[{"role": "user", "content": "hi"}],
        stream=stream,
    )
    assert answer.status_code == (200 if stream else 502)
    assert '"type":"error"' in answer.text
    assert "message_stop" not in answer.text
    assert wait_for(lambda: not held(daemon, key), "nothing held")


# ── text completions ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("vendor", VENDORS)
def test_completions_of_every_vendor(daemon: Daemon, key: Key, vendor: str) -> None:
    asked = {"model": f"{vendor}/echo", "prompt": "Once upon", "max_tokens": 50}
    answer = post(daemon, key, "/v1/completions", **asked, echo=True).json()
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == "Once uponOnce upon"
    assert answer["usage"]["completion_tokens"] > 0


def test_several_prompts_are_several_calls_and_one_answer(daemon: Daemon, key: Key) -> None:
    asked = {"model": "anthropic/echo", "prompt": ["one", "two", "three"], "max_tokens": 50}
    answer = post(daemon, key, "/v1/completions", **asked)
    body = answer.json()
    assert [(one["index"], one["text"]) for one in body["choices"]] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
    ]
    first = answer.headers["x-request-id"]
    parts = daemon.admin.get("/-/requests", params={"model": "anthropic/echo", "limit": 50}).json()
    tagged = [one for one in parts["data"] if one.get("tags", {}).get("prism-part-of") == first]
    assert len(tagged) == 2
    assert body["usage"]["total_tokens"] > 0


def test_several_prompts_stream_as_one(daemon: Daemon, key: Key) -> None:
    asked = {"model": "google/echo", "prompt": ["one", "two"], "max_tokens": 50, "stream": True}
    text = post(
        daemon, key, "/v1/completions", **asked, stream_options={"include_usage": True}
    ).text
    assert text.endswith("data: [DONE]\n\n")
    assert text.count("[DONE]") == 1
    said = {0: "", 1: ""}
    usages = []
    for line in text.split("\n\n")[:-2]:
        event = json.loads(line.removeprefix("data: "))
        for choice in event["choices"]:
            said[choice["index"]] += choice["text"]
        if event.get("usage"):
            usages.append(event["usage"])
    assert said == {0: "one", 1: "two"}
    assert len(usages) == 1


def test_several_prompts_fail_as_one(daemon: Daemon, key: Key) -> None:
    asked = {"model": "cohere/echo+status=400", "prompt": ["one", "two"]}
    for stream in (False, True):
        answer = post(daemon, key, "/v1/completions", **asked, stream=stream)
        assert answer.status_code == 400
        assert "asked to answer with status 400" in answer.json()["error"]["message"]
    assert wait_for(lambda: not held(daemon, key), "nothing held")


# ── Google's array, counts ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("base", ["/v1beta", "/v1"])
def test_google_streams_as_events_or_as_an_array(
    daemon: Daemon, key: Key, vendor: str, base: str
) -> None:
    path = f"{base}/models/{vendor}/lorem:streamGenerateContent"
    asked: dict[str, Any] = {"contents": [{"parts": [{"text": "go"}]}]}
    array = post(daemon, key, path, **asked)
    assert array.headers["content-type"].startswith("application/json")
    pieces = array.json()
    events = post(daemon, key, f"{path}?alt=sse", **asked)
    assert events.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(one.removeprefix("data: ")) for one in events.text.split("\n\n") if one]

    def text(found: list[dict[str, Any]]) -> str:
        parts = [part for one in found for part in one["candidates"][0]["content"]["parts"]]
        return "".join(part["text"] for part in parts)

    assert text(pieces) == text(told)
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"
    assert pieces[-1]["usageMetadata"]["totalTokenCount"] > 0


@pytest.mark.parametrize(
    ("vendor", "method"),
    [("anthropic", "upstream"), ("google", "upstream"), ("cohere", "estimate")],
)
def test_the_vendors_own_counter_is_asked_where_there_is_one(
    daemon: Daemon, key: Key, vendor: str, method: str
) -> None:
    asked = {"model": f"{vendor}/echo", "messages": [{"role": "user", "content": "hi there"}]}
    answer = post(daemon, key, "/v1/messages/count_tokens", **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-prism-count-method"] == method
    assert answer.json()["input_tokens"] > 0
    google = post(
        daemon,
        key,
        f"/v1beta/models/{vendor}/echo:countTokens",
        contents=[{"parts": [{"text": "hi there"}]}],
        systemInstruction={"parts": [{"text": "Be brief."}]},
    )
    assert google.json()["totalTokens"] > 0
    assert google.headers["x-prism-count-method"] == method
