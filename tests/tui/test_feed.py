"""The live source: follows, falls back to counters, comes back, and never makes anybody wait."""

import queue
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from prismctl.client.events import Event, FeedItem, State
from prismctl.errors import ApiError, PrismctlError, Unreachable
from prismctl.jsontext import Object
from prismctl.tui import feed as feeds
from prismctl.tui.feed import Live
from tests.daemon_process import wait_for

END = object()


class Follower:
    """Yields what a test puts in; an exception is raised."""

    def __init__(self) -> None:
        self.items: queue.Queue[Any] = queue.Queue()
        self.filters: Mapping[str, str] = {}
        self.last_id: int | None = None

    def follow(
        self, *, filters: Mapping[str, str] | None = None, last_id: int | None = None
    ) -> Iterator[FeedItem]:
        self.filters, self.last_id = dict(filters or {}), last_id
        while (item := self.items.get(timeout=20)) is not END:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        self.items.put(END)


class Gateway:
    """Answers by the path without its query."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/-/metrics": "prism_uptime_seconds 5.0\n",
            "/-/health/providers": {"providers": []},
            "/-/capabilities": {"version": "9.9"},
            "/-/requests": {"data": []},
        }
        self.asked: list[str] = []

    def _answer(self, path: str) -> Any:
        self.asked.append(path)
        answer = self.answers.get(path.partition("?")[0], error(404))
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def object(self, path: str) -> Object:
        found: Object = self._answer(path)
        return found

    def text(self, path: str) -> str:
        found: str = self._answer(path)
        return found


def error(status: int) -> ApiError:
    return ApiError("no", status=status, type_="t", code="c", param=None, request_id=None)


class Rig:
    """A live feed with its follower, its gateway, and all it has told."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.followers: list[Follower] = []
        self.feed = Live(self._connect, self.gateway)
        self.told: list[Object] = []

    def _connect(self) -> Follower:
        self.followers.append(Follower())
        return self.followers[-1]

    def wait(self, type_: str, **fields: Any) -> Object:
        """Wait for an event of a type with these fields."""

        def look() -> Object | None:
            self.told += self.feed.take()
            return next(
                (e for e in self.told if e["type"] == type_ and fields.items() <= e.items()), None
            )

        return wait_for(look, f"{type_} {fields} in {self.told}", within_s=10)

    def put(self, *items: Any) -> None:
        wait_for(lambda: self.followers, "somebody follows")
        for item in items:
            self.followers[-1].items.put(item)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(feeds, "PATIENCE_S", 0.05)
    monkeypatch.setattr(feeds, "POLL_S", 0.05)
    monkeypatch.setattr(feeds, "TRY_FEED_S", 0.2)
    monkeypatch.setattr(feeds, "_PAUSE_S", 0.01)
    made = Rig()
    yield made
    made.feed.stop()


CONNECTED = State("connected")


def event(**body: Any) -> Event:
    return Event(body["type"], body.get("id"), body)


def test_what_the_feed_tells_is_told_on(rig: Rig) -> None:
    rig.feed.start()
    rig.put(CONNECTED, event(type="call", id=7, request_id="req_1"))
    rig.wait("link", state="live")
    assert rig.wait("call")["request_id"] == "req_1"


def test_it_begins_with_the_stored_calls(rig: Rig) -> None:
    rig.gateway.answers["/-/requests"] = {"data": [{"id": "req_1"}]}
    rig.feed.start()
    assert rig.wait("history")["data"] == [{"id": "req_1"}]


def test_what_the_gateway_keeps_of_the_past_is_told_once(rig: Rig) -> None:
    rig.gateway.answers["/-/requests"] = {
        "data": [{"id": "req_2", "ts_s": 20}, {"id": "req_1", "ts_s": 10}]
    }
    rig.feed.start()
    rig.put(
        CONNECTED,
        event(type="gap", missed=900, reason="resumed"),
        event(type="log", id=2, ts_s=5, message="before anybody watched"),
        event(type="call", id=3, ts_s=9, request_id="req_0"),
        event(type="call", id=4, ts_s=20, request_id="req_2"),
        event(type="call", id=5, ts_s=21, request_id="req_3"),
    )
    assert rig.wait("call")["request_id"] == "req_3"
    assert rig.wait("log")["message"] == "before anybody watched"
    assert [one for one in rig.told if one["type"] == "gap"] == []
    assert rig.followers[-1].last_id == 1
    rig.feed.narrow({"model": "m"})
    wait_for(lambda: len(rig.followers) > 1 and rig.followers[-1].filters, "it follows again")
    assert rig.followers[-1].last_id is None


@pytest.mark.parametrize("status", [404, 403])
def test_without_a_feed_counters_are_read_and_the_feed_tried_again(rig: Rig, status: int) -> None:
    rig.feed.start()
    rig.put(error(status))
    rig.wait("link", state="polling")
    rig.wait("tick")
    wait_for(lambda: len(rig.followers) > 1, "the feed is tried again", within_s=10)
    rig.put(CONNECTED)
    rig.wait("link", state="live")


def test_a_token_that_is_not_known_is_said_to_be(rig: Rig) -> None:
    rig.gateway.answers["/-/metrics"] = error(401)
    rig.feed.start()
    rig.put(error(401))
    rig.wait("link", state="denied")


def test_a_lost_line_is_told_and_found_again(rig: Rig) -> None:
    rig.gateway.answers["/-/metrics"] = Unreachable("cannot reach it")
    rig.feed.start()
    rig.put(CONNECTED)
    rig.wait("link", state="live")
    rig.put(State("lost", "the gateway ended the feed"))
    rig.wait("link", state="lost", message="the gateway ended the feed")
    rig.wait("link", state="lost", message="cannot reach it")
    rig.told.clear()
    rig.put(CONNECTED)
    rig.wait("link", state="live")


def test_while_there_is_a_feed_no_counters_are_read(rig: Rig) -> None:
    rig.feed.start()
    rig.put(CONNECTED)
    rig.wait("link", state="live")
    rig.gateway.asked.clear()
    rig.feed.want({"/-/keys": 0.05})
    wait_for(lambda: rig.gateway.asked.count("/-/keys") > 3, "keys are asked")
    assert "/-/metrics" not in rig.gateway.asked


def test_wanted_paths_are_asked_and_no_longer_when_they_are_not(rig: Rig) -> None:
    rig.gateway.answers["/-/keys"] = {"data": [{"id": "key_1"}]}
    rig.feed.start()
    rig.feed.want({"/-/keys": 60.0})
    assert rig.wait("snapshot", path="/-/keys")["body"] == {"data": [{"id": "key_1"}]}
    rig.feed.refresh()
    wait_for(lambda: rig.gateway.asked.count("/-/keys") == 2, "keys are asked again", within_s=5)
    rig.feed.want({})
    rig.feed.refresh()
    asked = rig.gateway.asked
    wait_for(lambda: asked.count("/-/capabilities") == 3, "the others are asked", within_s=5)
    assert asked.count("/-/keys") == 2


def test_a_refused_path_is_told_as_an_error(rig: Rig) -> None:
    rig.feed.start()
    rig.feed.want({"/-/keys": 60.0})
    body = rig.wait("snapshot", path="/-/keys")["body"]
    assert isinstance(body, dict)
    assert body["error"]["status"] == 404  # type: ignore[index, call-overload]


def test_other_filters_follow_anew(rig: Rig) -> None:
    rig.feed.start()
    rig.put(CONNECTED)
    rig.wait("link", state="live")
    rig.gateway.answers["/-/requests"] = {"data": [{"id": "req_9"}]}
    rig.feed.narrow({"status": "5xx"})
    history = rig.wait("history", is_new=True)
    assert history["data"] == [{"id": "req_9"}]
    wait_for(lambda: rig.followers[-1].filters == {"status": "5xx"}, "the filters are asked for")
    assert "/-/requests?limit=200&status=5xx" in rig.gateway.asked


def test_who_does_not_take_loses_the_oldest_and_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_WAITING", 10)
    for number in range(25):
        rig.feed._put({"type": "call", "request_id": f"req_{number}"})
    events = rig.feed.take()
    assert [e["request_id"] for e in events[:-1]] == [f"req_{n}" for n in range(15, 25)]
    assert (events[-1]["type"], events[-1]["missed"]) == ("gap", 15)
    assert rig.feed.take() == []


def test_a_list_is_read_page_by_page_up_to_a_limit() -> None:
    gateway = Gateway()
    pages: list[Any] = [
        {"data": [{"id": n}], "has_more": True, "last_id": f"id_{n}"} for n in range(9)
    ]
    gateway.answers["/-/keys"] = pages
    answer = feeds.whole_list(gateway.object, "/-/keys?limit=1")
    assert answer["data"] == [{"id": 0}, {"id": 1}, {"id": 2}, {"id": 3}]
    assert gateway.asked[:2] == ["/-/keys?limit=1", "/-/keys?limit=1&after=id_0"]
    assert answer["has_more"] is True


def test_reading_one_path(rig: Rig) -> None:
    assert rig.feed.read("/-/capabilities") == {"version": "9.9"}
    with pytest.raises(PrismctlError):
        rig.feed.read("/-/nothing")


def test_what_nobody_expected_is_said_and_the_work_goes_on(rig: Rig) -> None:
    rig.gateway.answers["/-/requests"] = RuntimeError("the client has been closed")
    rig.feed.start()
    rig.wait("link", state="lost", message="unexpected RuntimeError: the client has been closed")
    rig.gateway.answers["/-/requests"] = {"data": []}
    wait_for(lambda: len(rig.followers) > 1, "it is tried again")
    rig.put(CONNECTED)
    rig.wait("link", state="live")
