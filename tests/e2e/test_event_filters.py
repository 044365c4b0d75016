"""What a viewer of the event feed asks for, and that it gets that and no more."""

import time

import pytest

from prismd.endpoints.admin.event_filter import SAMPLE_PER_S, TOPICS
from tests.daemon_process import Daemon, Key, wait_for
from tests.event_feed import Feed, feed

BURST = 300


@pytest.fixture(scope="module")
def others(daemon: Daemon) -> Key:
    """A key of somebody else, whose calls nobody here asks for."""
    return daemon.create_key("others", org_id="other", owner="other")


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, "echo 404 500 slow dear"),
        ({"org": "acme"}, "echo 404 500 slow dear"),
        ({"owner": "ana"}, "echo 404 500 slow dear"),
        ({"model": "mock/echo"}, "echo"),
        ({"model": "mock/echo*"}, "echo 500 slow dear"),
        ({"provider": "mock"}, "echo 500 slow dear"),
        ({"provider": "fake"}, ""),
        ({"status": "2xx"}, "echo slow dear"),
        ({"status": "404, 5xx"}, "404 500"),
        ({"status": "200", "model": "mock/echo"}, "echo"),
        ({"min_cost": "0.5"}, "dear"),
        ({"min_latency": "250"}, "slow"),
    ],
)
def test_filters_narrow_calls(
    daemon: Daemon, others: Key, params: dict[str, str], wanted: str
) -> None:
    key = daemon.create_key("filtered", org_id="acme", owner="ana")
    names = {
        "echo": "mock/echo",
        "404": "mock/nope",
        "500": "mock/echo+status=500",
        "slow": "mock/echo+latency=300ms",
        "dear": "mock/echo+usage=1000000,1000000",
    }
    # The last is there to end with: whoever wants something of it sees it after all else.
    with feed(daemon, topics="call,job", key=key.id, **params) as viewer:
        for name in names.values():
            daemon.chat(others, name)
            daemon.chat(key, name)
        daemon.admin.post("/-/ledger/verify")
        events = viewer.until("job", action="started")[:-1]
    assert [event["model"] for event in events] == [names[name] for name in wanted.split()]
    assert {event["key_id"] for event in events} <= {key.id}


def test_refused_calls_are_narrowed_like_others(daemon: Daemon, others: Key) -> None:
    poor = daemon.create_key(key_type="managed", owner="ana")
    too = daemon.create_key(key_type="managed", owner="eva")
    with feed(daemon, topics="guard", owner="ana", status="402") as viewer:
        for key in (too, others, poor):
            daemon.chat(key)
        assert viewer.next()["key_id"] == poor.id


def test_a_key_narrows_what_happens_to_keys(daemon: Daemon, others: Key) -> None:
    key = daemon.create_key()
    with feed(daemon, topics="key", key=key.id) as viewer:
        daemon.put_key(others, name="renamed")
        daemon.put_key(key, name="renamed")
        assert viewer.next()["key_id"] == key.id


@pytest.mark.parametrize(
    ("params", "code", "known"),
    [
        ({"topics": "weather"}, "unknown_topic", TOPICS),
        ({"topics": "call,weather"}, "unknown_topic", TOPICS),
        ({"topics": "CALL"}, "unknown_topic", TOPICS),
        ({"key": "key_nope"}, "unknown_key", ["/-/keys"]),
        ({"provider": "nope"}, "unknown_provider", ["fake, mock"]),
        ({"status": "teapot"}, "invalid_value", ["429", "4xx"]),
        ({"status": "6xx"}, "invalid_value", ["4xx"]),
        ({"status": ""}, "invalid_value", ["4xx"]),
        ({"min_cost": "cheap"}, "invalid_value", ["dollars"]),
        ({"min_cost": "-1"}, "invalid_value", ["negative"]),
        ({"min_latency": "-1"}, "invalid_value", ["0"]),
        ({"min_latency": "nan"}, "invalid_value", ["finite"]),
        ({"sample": "0"}, "invalid_value", ["all"]),
        ({"sample": "-5"}, "invalid_value", ["all"]),
        ({"sample": "1.5"}, "invalid_value", ["all"]),
        ({"sample": "9999999"}, "invalid_value", ["all"]),
        ({"sample": "²"}, "invalid_value", ["all"]),
        ({"colour": "red"}, "unknown_field", ["colour"]),
    ],
)
def test_what_cannot_be_asked_for(
    daemon: Daemon, params: dict[str, str], code: str, known: list[str]
) -> None:
    answer = daemon.admin.get("/-/events", params=params)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, next(reversed(params)))
    assert [word for word in known if word not in error["message"]] == []


def burst(daemon: Daemon, key: Key, viewer: Feed) -> tuple[int, list[dict[str, object]]]:
    """Make many calls, and one in a second of its own; return how many, and what was seen."""
    for _ in range(BURST):
        daemon.chat(key, "fake/nope")
    over_s = time.time() + 1
    wait_for(lambda: int(time.time()) > int(over_s), "another second", within_s=3)
    last = daemon.chat(key, "fake/nope").headers["x-request-id"]
    return BURST + 1, viewer.until("call", request_id=last)


@pytest.mark.parametrize(("sample", "per_s"), [("", SAMPLE_PER_S), ("7", 7)])
def test_of_many_calls_a_viewer_is_given_some_and_told_how_many_not(
    daemon: Daemon, sample: str, per_s: int
) -> None:
    key = daemon.create_key()
    params = {"sample": sample} if sample else {}
    with feed(daemon, topics="call", key=key.id, **params) as viewer:
        made, events = burst(daemon, key, viewer)
    seconds = [int(float(str(event["ts_s"]))) for event in events]
    assert max(seconds.count(second) for second in seconds) <= per_s + 1  # ts_s is rounded
    assert len(events) <= (per_s + 1) * len(set(seconds))
    assert len(events) < made or per_s == SAMPLE_PER_S  # so slow a machine is possible
    assert len(events) + sum(int(str(event["left_out"])) for event in events) == made


def test_a_viewer_can_have_all(daemon: Daemon) -> None:
    key = daemon.create_key()
    with feed(daemon, topics="call", key=key.id, sample="all") as viewer:
        made, events = burst(daemon, key, viewer)
    assert len(events) == made
    assert {event["left_out"] for event in events} == {0}


def test_what_is_filtered_out_takes_no_place_of_a_sample(daemon: Daemon, others: Key) -> None:
    key = daemon.create_key()
    with feed(daemon, topics="call", key=key.id, sample="1") as viewer:
        for _ in range(50):
            daemon.chat(others, "fake/nope")
        daemon.chat(key, "fake/nope")
        event = viewer.next()
    assert (event["key_id"], event["left_out"]) == (key.id, 0)
