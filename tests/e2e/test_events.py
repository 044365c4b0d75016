"""The event feed: what happens, as it happens, to whoever watches."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from prismd.kernel.sse import SseDecoder, SseEvent
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon

CONFIG = "providers:\n  fake: {type: fake}\n"
OTHER_CONFIG = CONFIG + "  two: {type: fake}\n"
BAD_CONFIG = "providers:\n  fake: {type: fake, colour: red}\n"


class Feed:
    """One viewer: what has come to it, event by event."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self._decoder = SseDecoder()
        self._chunks = answer.iter_raw()
        self._events: Iterator[SseEvent] = self._decode()

    def _decode(self) -> Iterator[SseEvent]:
        for chunk in self._chunks:
            yield from self._decoder.feed(chunk)

    def next(self) -> dict[str, Any]:
        """Wait for the next event that is no comment."""
        for event in self._events:
            if event.data is not None:
                body: dict[str, Any] = json.loads(event.data)
                assert body["type"] == event.event
                if event.event != "gap":
                    assert str(body["id"]) == event.id
                    assert abs(body["ts_s"] - time.time()) < 60
                return body
        raise EOFError

    def next_of(self, topic: str, **fields: Any) -> dict[str, Any]:
        """Skip to an event of a topic with these fields."""
        while True:
            event = self.next()
            if event["type"] == topic and fields.items() <= event.items():
                return event

    def opened(self) -> None:
        """Wait until the daemon has subscribed this viewer: the comment at the start says so."""
        assert next(self._events).data is None


@contextmanager
def feed(daemon: Daemon, last_event_id: str | None = None, **params: Any) -> Iterator[Feed]:
    headers = {} if last_event_id is None else {"last-event-id": last_event_id}
    with daemon.admin.stream("GET", "/-/events", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        viewer = Feed(answer)
        viewer.opened()
        yield viewer


def test_a_call(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as viewer:
        answer = daemon.chat(key, "mock/echo+usage=10,20", "a very private question")
        event = viewer.next()
    assert event["request_id"] == answer.headers["x-request-id"]
    expected = {
        "key_id": key.id,
        "op": "chat",
        "model": "mock/echo+usage=10,20",
        "provider": "mock",
        "status": 200,
        "error_code": None,
        "is_stream": False,
        "is_complete": True,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_nano_usd": 50_000,
        "attempts": 1,
    }
    assert expected.items() <= event.items()
    assert event["latency_ms"] >= event["first_byte_ms"] > 0
    assert "private" not in json.dumps(event)
    assert key.secret not in json.dumps(event)


def test_refused_and_broken_calls_are_told_too(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as viewer:
        daemon.chat(key, "fake/nope")
        daemon.chat(key, "mock/echo+status=500")
        daemon.chat(key, "mock/lorem+cut=2", stream=True)
        refused, failed, cut = viewer.next(), viewer.next(), viewer.next()
    assert (refused["status"], refused["error_code"], refused["provider"]) == (
        404,
        "model_not_found",
        None,
    )
    assert (failed["status"], failed["error_code"]) == (502, "provider_500")
    assert (cut["status"], cut["is_stream"], cut["is_complete"]) == (502, True, False)


def test_filters(daemon: Daemon, key: Key) -> None:
    other = daemon.create_key()
    with feed(daemon, topics="call", key=key.id, model="fake/lorem") as viewer:
        daemon.chat(other, "fake/lorem")
        daemon.chat(key, "fake/echo")
        wanted = daemon.chat(key, "fake/lorem").headers["x-request-id"]
        assert viewer.next()["request_id"] == wanted


def test_the_life_of_a_key(daemon: Daemon) -> None:
    with feed(daemon, topics="key") as viewer:
        key = daemon.create_key("watched", credits=1)
        daemon.admin.put(f"/-/keys/{key.id}", json={"status": "blocked"})
        daemon.admin.post(f"/-/keys/{key.id}/credits", json={"amount": 1})
        daemon.put_key(key, name="again")
        daemon.put_key(key, status="active")
        daemon.admin.delete(f"/-/keys/{key.id}")
        daemon.admin.delete(f"/-/keys/{key.id}")
        daemon.create_key("next")
        events = [viewer.next() for _ in range(7)]
    assert [(event["action"], event["status"]) for event in events] == [
        ("created", "active"),
        ("blocked", "blocked"),
        ("credited", "blocked"),
        ("updated", "blocked"),
        ("unblocked", "active"),
        ("revoked", "revoked"),
        ("created", "active"),
    ]
    assert {event["key_id"] for event in events[:6]} == {key.id}
    assert key.secret not in json.dumps(events)


def test_the_life_of_a_budget(daemon: Daemon) -> None:
    with feed(daemon) as viewer:  # also when no topic is asked for
        key = daemon.create_key(budgets=[{"limit": "0.0001", "hard": False, "window": "total"}])
        budget = key.answer["budgets"][0]["id"]
        daemon.chat(key, "fake/echo", max_tokens=1)
        daemon.chat(key, "fake/lorem", max_tokens=500)
        passed = viewer.next_of("budget", budget_id=budget)
        assert (passed["action"], passed["percent"]) == ("exceeded", 100)
        assert passed["spent_nano_usd"] >= passed["limit_nano_usd"] == 100_000
        daemon.admin.post(f"/-/budgets/{budget}/reset")
        assert viewer.next_of("budget", budget_id=budget)["action"] == "reset"


def test_tick(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="tick") as viewer:
        daemon.chat(key, "fake/echo")
        first, second = viewer.next(), viewer.next()
    assert 0.5 < second["ts_s"] - first["ts_s"] < 2
    assert second["uptime_s"] > first["uptime_s"] > 0
    (series,) = [row for row in second["series"] if row["model"] == "fake/echo"]
    assert series["calls"] >= 1
    assert series["cost_nano_usd"] > 0


def test_config(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    with feed(daemon, topics="config") as viewer:
        daemon.config.write_text(BAD_CONFIG)
        assert daemon.admin.post("/-/reload").status_code == 400
        refused = viewer.next_of("config", action="refused")
        assert "colour" in refused["problems"][0]
        daemon.config.write_text(OTHER_CONFIG)
        daemon.admin.post("/-/reload").raise_for_status()
        reloaded = viewer.next_of("config", action="reloaded")
    assert reloaded["hash"] == daemon.admin.get("/-/config").json()["hash"]


def test_all_topics(daemon: Daemon) -> None:
    with feed(daemon) as viewer:
        key = daemon.create_key("all topics")
        daemon.chat(key)
        viewer.next_of("key", key_id=key.id)
        viewer.next_of("call", key_id=key.id)
        viewer.next_of("tick")


def test_resume_sees_what_was_missed(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as viewer:
        daemon.chat(key, "fake/echo")
        seen = viewer.next()
    missed = [daemon.chat(key, "fake/echo").headers["x-request-id"] for _ in range(3)]
    with feed(daemon, str(seen["id"]), topics="call", key=key.id) as viewer:
        replayed = [viewer.next() for _ in range(3)]
        live = daemon.chat(key, "fake/echo").headers["x-request-id"]
        assert viewer.next()["request_id"] == live
    assert [event["request_id"] for event in replayed] == missed
    assert replayed[0]["id"] > seen["id"]


def test_without_an_id_nothing_is_replayed(daemon: Daemon, key: Key) -> None:
    daemon.chat(key, "fake/echo")
    for last_event_id in (None, "", "abc", "-1"):
        with feed(daemon, last_event_id, topics="call", key=key.id) as viewer:
            call = daemon.chat(key, "fake/echo").headers["x-request-id"]
            assert viewer.next()["request_id"] == call


def test_resume_at_a_gateway_that_was_restarted(start: StartDaemon) -> None:
    """Its ids begin again, so an id from before means: everything since the start."""
    daemon = start(CONFIG)
    key = daemon.create_key()
    calls = [daemon.chat(key).headers["x-request-id"] for _ in range(2)]
    with feed(daemon, "1000000", topics="call") as viewer:
        assert [viewer.next()["request_id"] for _ in range(2)] == calls


@pytest.mark.parametrize("topics", ["weather", "call,weather", "CALL"])
def test_an_unknown_topic(daemon: Daemon, topics: str) -> None:
    answer = daemon.admin.get("/-/events", params={"topics": topics})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("unknown_topic", "topics")
    assert "tick, call, key, config" in error["message"]


def test_many_viewers_see_the_same(daemon: Daemon, key: Key) -> None:
    with feed(daemon, topics="call", key=key.id) as one, feed(daemon, key=key.id) as two:
        daemon.chat(key)
        assert one.next() == two.next_of("call")


def test_the_feed_ends_with_the_daemon(start: StartDaemon) -> None:
    """A viewer does not hold a stop up, and gets a clean end, not a broken connection."""
    daemon = start(CONFIG)
    ended: list[bool] = []

    def watch() -> None:
        with feed(daemon, topics="call") as viewer:
            watching.set()
            with pytest.raises(EOFError):
                viewer.next()
            ended.append(True)

    watching = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    assert watching.wait(5)
    began_s = time.monotonic()
    daemon.process.terminate()
    thread.join(5)
    assert stop_daemon(daemon) == 0
    assert time.monotonic() - began_s < 3
    assert ended == [True]
