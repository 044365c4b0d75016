"""The feed is followed through whatever the line does; a refusal ends it, and so does ``close``."""

import socket
import threading
from collections.abc import Iterator

import pytest

from prismctl.client.events import LONGEST_WAIT_S, Event, Events, FeedItem, State
from prismctl.client.http import Http
from prismctl.errors import ApiError, Unreachable
from tests.prismctl.stub import Canned, Streamed, StubGateway, error, event

PATH = "/-/events"
CONNECTED = State("connected")
GONE = State("lost", "the gateway ended the feed")


@pytest.fixture
def http(stub: StubGateway) -> Iterator[Http]:
    with Http(stub.url, token="t") as opened:
        yield opened


class Waits:
    """A clock of the test: notes how long it was to sleep, and says when it is enough."""

    def __init__(self, tries: int) -> None:
        self.seconds: list[float] = []
        self._tries = tries

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return len(self.seconds) >= self._tries


def collected(http: Http, waits: Waits, **kwargs: object) -> list[FeedItem]:
    return list(Events(http, wait=waits).follow(**kwargs))  # type: ignore[arg-type]


def test_it_comes_back_and_resumes_where_it_was(http: Http, stub: StubGateway) -> None:
    first = event("call", 7, model="m") + event("gap", missed=3)
    stub.on("GET", PATH, Streamed([first[:9], first[9:]]), Streamed([event("key", 8)]))
    items = collected(http, Waits(2), topics=("call", "key"), filters={"model": "m"})
    assert items == [
        CONNECTED,
        Event("call", 7, {"type": "call", "id": 7, "model": "m"}),
        Event("gap", None, {"type": "gap", "missed": 3}),
        GONE,
        CONNECTED,
        Event("key", 8, {"type": "key", "id": 8}),
        GONE,
    ]
    assert [sent.headers.get("last-event-id") for sent in stub.sent] == [None, "7"]
    assert {sent.query for sent in stub.sent} == {"model=m&topics=call%2Ckey"}


def test_it_starts_after_what_was_seen_before_or_does_not_look_back(
    http: Http, stub: StubGateway
) -> None:
    stub.on("GET", PATH, Streamed([event("key", 9)]))
    collected(http, Waits(2), last_id=4)
    collected(http, Waits(2), is_resuming=False)
    assert [sent.headers.get("last-event-id") for sent in stub.sent] == ["4", "9", None, None]


def test_tries_become_rarer_until_something_comes(http: Http, stub: StubGateway) -> None:
    full = error(503, "starting", "The gateway starts.")
    stub.on("GET", PATH, *[full] * 6, Streamed([event("tick", 1)]), full)
    waits = Waits(8)
    items = collected(http, waits)
    assert waits.seconds == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_WAIT_S, 0.5, 1.0]
    assert items[0] == State("lost", "The gateway starts.")
    assert [item.kind for item in items if isinstance(item, State)].count("connected") == 1


def test_nobody_at_home_is_a_lost_line(config_dir: object) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Http(url, token="t") as http:
            items = collected(http, Waits(2))
    assert [isinstance(item, State) and item.kind for item in items] == ["lost", "lost"]
    assert isinstance(items[0], State)
    assert items[0].message.startswith(f"cannot reach {url}")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_admin_token"), (404, "not_found"), (400, "unknown_topic")]
)
def test_a_refusal_is_raised(http: Http, stub: StubGateway, status: int, code: str) -> None:
    stub.on("GET", PATH, error(status, code))
    with pytest.raises(ApiError) as raised:
        collected(http, Waits(1))
    assert raised.value.code == code
    assert len(stub.sent) == 1


def test_a_page_is_no_feed(http: Http, stub: StubGateway) -> None:
    stub.on("GET", PATH, Canned(b"<html>", headers={"content-type": "text/html"}))
    with pytest.raises(Unreachable, match="no event feed"):
        collected(http, Waits(1))


def test_what_nobody_can_read_is_skipped_and_counted(http: Http, stub: StubGateway) -> None:
    broken = b'data: {"type":\n\ndata: 3\n\ndata: {"id":5}\n\ndata: ' + b"[" * 9999 + b"\n\n"
    odd = b'data: {"type":"tick","id":true}\n\n'
    stub.on("GET", PATH, Streamed([broken, odd]))
    events = Events(http, wait=Waits(1))
    items = list(events.follow())
    assert items == [CONNECTED, Event("tick", None, {"type": "tick", "id": True}), GONE]
    assert events.malformed == 4


def test_a_heartbeat_is_heard(http: Http, stub: StubGateway) -> None:
    stub.on("GET", PATH, Streamed([b": prism event feed\n\n:\n\n"]))
    assert collected(http, Waits(1)) == [CONNECTED, State("heartbeat"), State("heartbeat"), GONE]


def test_silence_is_a_lost_line(http: Http, stub: StubGateway) -> None:
    stub.on("GET", PATH, Streamed([event("tick", 1)], is_held=True))
    items = list(Events(http, wait=Waits(1), silence_s=0.05).follow())
    assert items[-1] == State("lost", "nothing was heard for 0.05 s")


def test_the_time_out_of_requests_is_not_that_of_the_feed(stub: StubGateway) -> None:
    stub.on("GET", PATH, Streamed([event("tick", 1)], is_held=True))
    with Http(stub.url, token="t", timeout_s=0.05) as http:
        items = list(Events(http, wait=Waits(1), silence_s=0.2).follow())
    assert items[-1] == State("lost", "nothing was heard for 0.2 s")


def test_another_thread_ends_it_while_it_listens(http: Http, stub: StubGateway) -> None:
    stub.on("GET", PATH, Streamed([event("tick", 1)], is_held=True))
    events = Events(http)
    seen: list[FeedItem] = []
    has_begun = threading.Event()

    def listen() -> None:
        for item in events.follow():
            seen.append(item)
            if isinstance(item, Event):
                has_begun.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert has_begun.wait(10)
    events.close()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [CONNECTED, Event("tick", 1, {"type": "tick", "id": 1})]


def test_another_thread_ends_it_while_it_waits(http: Http, stub: StubGateway) -> None:
    stub.on("GET", PATH, error(503, "starting"))
    events = Events(http)
    is_lost = threading.Event()

    def listen() -> None:
        for _ in events.follow():
            is_lost.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert is_lost.wait(10)
    events.close()
    thread.join(10)
    assert not thread.is_alive()
    assert list(events.follow()) == []
