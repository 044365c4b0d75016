"""Who comes back to the event feed, and who reads too slowly: nothing is lost without a word."""

import socket
from contextlib import closing
from http.client import HTTPResponse

from prismd.kernel.viewer import VIEWER_EVENTS
from tests.conftest import StartDaemon
from tests.daemon_process import Daemon, Key, stop_daemon
from tests.event_feed import Feed, feed
from tests.raw_http import request

TOO_MANY_PROBLEMS = "\n".join(f"{'x' * 900}{number}: 1" for number in range(200))
LARGE_EVENTS = 30
CONFIG = "providers:\n  fake: {type: fake}\n"


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


def test_resume_sees_all_topics_in_their_order(start: StartDaemon) -> None:
    daemon = start(CONFIG)
    with feed(daemon, topics="key") as viewer:
        key = daemon.create_key()
        seen = viewer.next()
    with feed(daemon, topics="tick") as viewer:
        viewer.next()
    for name in "abc":
        daemon.chat(key, f"fake/{name}")
        daemon.put_key(key, name=name)
    with feed(daemon, str(seen["id"]), topics="call,key,tick") as viewer:
        events = [viewer.next() for _ in range(6)]
    told = [event.get("model", event.get("name")) for event in events]
    assert told == ["fake/a", "a", "fake/b", "b", "fake/c", "c"]
    ids = [event["id"] for event in events]
    assert ids == sorted(ids)


def test_without_an_id_nothing_is_replayed(daemon: Daemon, key: Key) -> None:
    daemon.chat(key, "fake/echo")
    for last_event_id in (None, "", "abc", "-1", "1" * 40):
        with feed(daemon, last_event_id, topics="call", key=key.id) as viewer:
            call = daemon.chat(key, "fake/echo").headers["x-request-id"]
            assert viewer.next()["request_id"] == call


def test_resume_at_a_gateway_that_was_restarted(start: StartDaemon) -> None:
    """Its ids go on above those of before, so an id from there means: everything since."""
    daemon = start(CONFIG)
    key = daemon.create_key()
    with feed(daemon, topics="call") as viewer:
        daemon.chat(key)
        seen = viewer.next()
    assert stop_daemon(daemon) == 0
    daemon = start(CONFIG)
    calls = [daemon.chat(key).headers["x-request-id"] for _ in range(2)]
    with feed(daemon, str(seen["id"]), topics="call,node") as viewer:
        assert viewer.until("call")[0]["action"] == "started"
        assert viewer.next()["request_id"] == calls[1]


def test_who_comes_back_late_is_told_what_is_not_kept(start: StartDaemon) -> None:
    """Of a second, a hundred calls are kept, and of that sample a viewer wants all."""
    daemon = start(CONFIG)
    key = daemon.create_key()
    made = [daemon.chat(key, "fake/nope").headers["x-request-id"] for _ in range(600)]
    with feed(daemon, "0", topics="call", sample="all") as viewer:
        daemon.chat(key, "fake/end")
        events = viewer.until("call", model="fake/end")[:-1]
    if events[0]["type"] == "gap":  # not on a machine that is slower than a hundred calls a second
        assert (events[0]["reason"], events[0]["missed"]) == ("resumed", 600 - len(events[1:]))
    else:
        assert len(events) == len(made)


def test_a_viewer_that_reads_too_slowly(start: StartDaemon) -> None:
    """It loses the oldest, is told how many, and makes nobody wait."""
    daemon = start(CONFIG)
    key = daemon.create_key()
    count = VIEWER_EVENTS + 300
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(daemon.address)
        authorization = f"authorization: Bearer {daemon.admin_token}"
        connection.sendall(request("GET /-/events?sample=all&topics=call,config", authorization))
        with closing(HTTPResponse(connection)) as answer:
            answer.begin()
            assert answer.readline() == b": prism event feed\n"
            # What the system's buffers take is filled with few events, each of which is large.
            daemon.config.write_text(TOO_MANY_PROBLEMS)
            for _ in range(LARGE_EVENTS):
                assert daemon.admin.post("/-/reload").status_code == 400
            for _ in range(count):
                assert daemon.chat(key, "fake/nope").status_code == 404
            assert daemon.chat(key, "fake/end").status_code == 404
            viewer = Feed(iter(lambda: answer.read1(1 << 16), b""))
            events = viewer.until("call", model="fake/end")
    gaps = [event for event in events if event["type"] == "gap"]
    assert gaps, "the buffers of the system are larger than what was sent"
    assert {gap["reason"] for gap in gaps} == {"slow"}
    published = sum(gap["missed"] for gap in gaps) + len(events) - len(gaps)
    # The watch of the file may find a change, too.
    assert published - (LARGE_EVENTS + count + 1) in (0, 1)
    calls = [event for event in events if event["type"] == "call"]
    assert len(calls) <= VIEWER_EVENTS < count
