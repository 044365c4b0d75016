"""Completions at a vendor that has them itself: what is asked and said is passed on as it is."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, wait_for
from tests.scripted_vendor import STREAM_HEAD, ScriptedVendor, event, plain, scripted_vendor

ASKED = {"prompt": "Once upon", "max_tokens": 9, "echo": True, "suffix": "end", "of_tomorrow": [1]}
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
HEAD = {"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m"}
WHOLE = {**HEAD, "choices": [{"index": 0, "text": " a time", "finish_reason": "stop"}], "kv": 1}
PIECES = (
    event(**HEAD, choices=[{"index": 0, "text": " a", "finish_reason": None}], odd=2.50),
    event(**HEAD, choices=[{"index": 0, "text": " time", "finish_reason": "stop"}]),
    event(**HEAD, choices=[], usage=USAGE),
)
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def vendor() -> Iterator[ScriptedVendor]:
    with scripted_vendor() as one:
        yield one


@pytest.fixture
def daemon(start: StartDaemon, vendor: ScriptedVendor) -> Daemon:
    return start(f"""
providers:
  box: {{type: vllm, base_url: "{vendor.url}", models: [m]}}
cost_tracking:
  custom_pricing:
    box/m: {{input_per_mtok: 10, output_per_mtok: 10}}
""")


def ask(daemon: Daemon, key: Key, **more: Any) -> httpx2.Response:
    body = {"model": "m", **ASKED, **more}
    return daemon.admin.post("/v1/completions", json=body, headers=key.headers)


def charged(daemon: Daemon, key: Key) -> int:
    """Wait until nothing is held; return what was paid, in nano-dollars."""

    def settled() -> dict[str, Any] | None:
        found: dict[str, Any] = daemon.admin.get(f"/-/keys/{key.id}").json()
        return None if found["credit_held_nano_usd"] else found

    paid: int = 1_000_000_000 - wait_for(settled, "settled")["credit_balance_nano_usd"]
    return paid


def test_a_whole_answer_is_the_vendors(daemon: Daemon, vendor: ScriptedVendor) -> None:
    key = daemon.create_key(credits=1)
    vendor["m"] = [plain({**WHOLE, "usage": USAGE}, content_type="application/json")]
    answer = ask(daemon, key)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**WHOLE, "usage": USAGE}
    assert json.loads(vendor.bodies[-1]) == {"model": "m", **ASKED}
    assert "x-prism-translation-drops" not in answer.headers
    assert charged(daemon, key) == 50_000


@pytest.mark.parametrize("wants_usage", [False, True])
def test_a_stream_is_the_vendors(
    daemon: Daemon, vendor: ScriptedVendor, *, wants_usage: bool
) -> None:
    key = daemon.create_key(credits=1)
    vendor["m"] = [STREAM_HEAD, *PIECES, DONE]
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    answer = ask(daemon, key, stream=True, **options)
    pieces = PIECES if wants_usage else PIECES[:-1]
    cost = b',"prism":'
    assert answer.content.split(cost)[0].startswith(b"".join(pieces[:2]))
    assert (cost in answer.content) is wants_usage
    assert answer.content.endswith(DONE)
    sent = json.loads(vendor.bodies[-1])
    assert sent.pop("stream_options") == {"include_usage": True}
    assert sent == {"model": "m", **ASKED, "stream": True}
    assert charged(daemon, key) == 50_000


def test_a_stream_that_breaks_off_ends_with_an_error(
    daemon: Daemon, vendor: ScriptedVendor
) -> None:
    key = daemon.create_key(credits=1)
    vendor["m"] = [STREAM_HEAD, PIECES[0], PIECES[1][:30], None]
    answer = ask(daemon, key, stream=True)
    assert answer.content.startswith(PIECES[0])
    last = json.loads(answer.text.rstrip().rpartition("data: ")[2])
    assert last["error"]["code"] == "upstream_closed_early"
    assert b"[DONE]" not in answer.content
    assert charged(daemon, key) > 0
