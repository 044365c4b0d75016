"""A recording is played at its pace, or at once."""

from pathlib import Path
from typing import Any

import pytest

from prismctl.errors import ConfigProblem, NotThere
from prismctl.tui.replay import Recorder, Replay, load
from tests.tui.scripted import LIVE, Scripted, call

EVENTS: list[Any] = [
    {"type": "snapshot", "ts_s": 100, "path": "/-/keys", "body": {"data": [1]}},
    {"type": "call", "ts_s": 101, "key_id": "a", "status": 200, "latency_ms": 5},
    {"type": "call", "ts_s": 104, "key_id": "b", "status": 503, "latency_ms": 900,
     "cost_nano_usd": 2_000_000},
]  # fmt: skip


def types(events: list[Any]) -> list[str]:
    return [event["type"] for event in events if event["type"] != "time"]


def test_at_its_pace() -> None:
    now_s = 5000.0
    source = Replay(EVENTS, lambda: now_s)
    source.start()
    assert types(source.take()) == ["link", "snapshot"]
    now_s += 1.5
    assert types(source.take()) == ["call"]
    assert source.take() == []
    now_s += 60
    last = source.take()
    assert types(last) == ["call", "link"]
    assert last[-1]["state"] == "ended"
    assert source.take() == []


def test_at_once_with_its_own_time() -> None:
    source = Replay(EVENTS, None)
    source.start()
    events = source.take()
    assert types(events) == ["link", "snapshot", "call", "call", "link"]
    assert [event["ts_s"] for event in events if event["type"] == "time"] == [100, 101, 104]


def test_what_was_answered() -> None:
    source = Replay(EVENTS, None)
    assert source.read("/-/keys") == {"data": [1]}
    assert source.read("/-/keys?limit=5") == {"data": [1]}
    with pytest.raises(NotThere, match="holds no answer of /-/budgets"):
        source.read("/-/budgets")


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"key": "a"}, 1),
        ({"key": "x"}, 0),
        ({"status": "4xx,5xx"}, 1),
        ({"min_latency": "100"}, 1),
        ({"min_cost": "0.001"}, 1),
        ({"min_cost": "1"}, 0),
        ({"min_cost": "much"}, 2),
        ({}, 2),
    ],
)
def test_filters(filters: dict[str, str], count: int) -> None:
    source = Replay(EVENTS, None)
    source.narrow(filters)
    assert types(source.take()).count("call") == count


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text('{"type":"tick","ts_s":1.25}\n\nnot json\n[1]\n{"no":"type"}\n')
    assert [event["type"] for event in load(file)] == ["tick"]


@pytest.mark.parametrize("content", ["", "nothing\nat all"])
def test_a_file_without_events(tmp_path: Path, content: str) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text(content)
    with pytest.raises(ConfigProblem, match="holds no events"):
        load(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="No such file"):
        load(tmp_path / "no")


def test_what_is_watched_can_be_played_again(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    evil = call(1, model="\ud800\x1b[2J")
    feed = Scripted(LIVE, evil, {"type": "time", "ts_s": 5})
    feed.answers["/-/requests/req_001"] = {"id": "req_001"}
    recorder = Recorder(feed, file)
    assert len(recorder.take()) == 3
    recorder.read("/-/requests/req_001")
    recorder.narrow({"key": "a"})
    recorder.stop()
    assert feed.is_stopped
    assert feed.filters == {"key": "a"}
    assert file.stat().st_mode & 0o777 == 0o600
    again = Replay(load(file), None)
    assert types(again.take()) == ["link", "call", "snapshot", "link"]
    assert again.read("/-/requests/req_001") == {"id": "req_001"}
    # After the end nothing is written any more, and nothing breaks.
    recorder.read("/-/requests/req_001")


def test_a_recording_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="No such file"):
        Recorder(Scripted(), tmp_path / "no" / "day.jsonl")
