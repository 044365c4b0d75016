"""What an event says, and that it is made late, once, and never at the cost of who watches."""

import json

import pytest

from prismd.kernel.event import Event


def test_its_fields_follow_what_every_event_has() -> None:
    event = Event(7, "key", 1.23456, "n1", "ci", lambda name: {"action": "created", "name": name})
    assert event.body == {"action": "created", "name": "ci"}
    assert json.loads(event.json + b"}") == {
        "type": "key",
        "id": 7,
        "ts_s": 1.235,
        "node": "n1",
        "action": "created",
        "name": "ci",
    }


def test_a_viewer_is_told_more_in_it() -> None:
    event = Event(1, "call", 0.0, "n1", None, lambda _: {"status": 200})
    assert json.loads(event.json + b',"left_out":3}')["left_out"] == 3


def test_nothing_is_made_before_somebody_looks_and_then_once() -> None:
    made: list[object] = []

    def tell(about: object) -> dict[str, object]:
        made.append(about)
        return {}

    event = Event(1, "call", 0.0, "n1", "about", tell)
    assert made == []
    assert event.json == event.json
    assert made == ["about"]


@pytest.mark.parametrize("said", [{"at": object()}, {1j: "no name"}])
def test_what_cannot_be_told_is_empty_and_is_logged_once(
    said: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    event = Event(9, "job", 0.0, "n1", said, lambda _: said)
    assert event.json == event.json == b""
    assert caplog.messages == ["the event 9 (job) cannot be told"]


def test_what_fails_to_be_told_is_empty(caplog: pytest.LogCaptureFixture) -> None:
    event = Event(9, "job", 0.0, "n1", 0, lambda about: {"share": 1 / len(str(about)[1:])})
    assert event.json == b""
    assert "ZeroDivisionError" in caplog.text
