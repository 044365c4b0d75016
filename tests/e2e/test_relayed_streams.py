"""Where client and vendor speak the same dialect, a stream is the vendor's, byte for byte."""

import json
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.scripted_vendor import STREAM_HEAD, scripted_vendor

EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
            "of_tomorrow": [1, 2.50],
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hé"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
STREAM = b"".join(
    f"event: {event['type']}\ndata:  {json.dumps(event)}\n\n".encode() for event in EVENTS
)


@pytest.mark.parametrize(
    ("headers", "is_told"), [({}, False), ({"x-prism-include-metadata": "true"}, True)]
)
def test_nothing_is_added_that_nobody_asked_for(
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    *,
    is_told: bool,
) -> None:
    monkeypatch.setenv("BOX_KEY", "k")
    with scripted_vendor() as vendor:
        vendor["m"] = [STREAM_HEAD, STREAM]
        box = f"{{type: anthropic, base_url: {vendor.url}, api_key: env:BOX_KEY, models: [m]}}"
        daemon = start(f"providers:\n  box: {box}\n")
        turn = {"role": "user", "content": "x"}
        answer = daemon.admin.post(
            "/v1/messages",
            json={"model": "m", "max_tokens": 9, "stream": True, "messages": [turn]},
            headers={"authorization": f"Bearer {daemon.create_key().secret}", **headers},
        )
    assert answer.status_code == 200, answer.text
    assert (answer.content == STREAM) is not is_told
    assert (b'"prism":' in answer.content) is is_told
