"""The board: what each event changes, and that no event can break it or let it grow for ever."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismctl.jsontext import loads
from prismctl.tui import board as boards
from prismctl.tui import notices, replay
from prismctl.tui.board import Board, reduce
from tests.tui.recording import BEGAN_S, FILE, HOSTILE


def after(*events: dict[str, Any], board: Board | None = None) -> Board:
    board = board or Board()
    for event in events:
        # As they come from the wire: decimals are exact.
        read = loads(json.dumps(event))
        assert isinstance(read, dict)
        board = reduce(board, read)
    return board


def call(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "call", "ts_s": 1000.0 + number, "request_id": f"req_{number}", "status": 200,
            "provider": "p", "model": "m", **fields}  # fmt: skip


def tick(ts_s: float, calls: int, **more: Any) -> dict[str, Any]:
    series = [{"model": "m", "provider": "p", "calls": calls, "output_tokens": calls * 10}]
    return {"type": "tick", "ts_s": ts_s, "uptime_s": ts_s, "running": 1, "series": series, **more}


def test_two_ticks_are_a_rate() -> None:
    board = after(tick(100.0, 10), tick(101.0, 30), tick(103.0, 40))
    assert board.rates().calls_per_s == pytest.approx(10)
    assert board.rates().tokens_per_s == pytest.approx(100)
    assert board.rates(2.0).calls_per_s == pytest.approx(5)
    assert [name for name, *_ in board.by("model")] == ["m"]


def test_a_restart_keeps_the_history_and_counts_on() -> None:
    board = after(tick(100.0, 10), tick(101.0, 30), tick(102.0, 2) | {"uptime_s": 1.0})
    assert len(board.samples) == 1
    assert after(tick(103.0, 5) | {"uptime_s": 2.0}, board=board).samples[-1].total.calls == 3


def test_calls_are_newest_first_and_told_once() -> None:
    board = after(call(1), call(2), call(1))
    assert [one["request_id"] for one in board.calls] == ["req_2", "req_1"]


def test_calls_that_were_sampled_away_are_counted() -> None:
    assert after(call(1, left_out=7), call(2, left_out=5)).left_out == 12


def test_history_joins_what_is_known_in_the_order_of_time() -> None:
    rows = [{"id": "req_3", "ts_s": 1003.0}, {"id": "req_1", "ts_s": 1001.0}]
    board = after(call(2), call(3), {"type": "history", "data": rows})
    assert [one["request_id"] for one in board.calls] == ["req_3", "req_2", "req_1"]
    again = after({"type": "history", "data": rows, "is_new": True}, board=board)
    assert [one["request_id"] for one in again.calls] == ["req_3", "req_1"]


def test_providers_are_merged_from_ticks_answers_and_events() -> None:
    health = {"providers": [{"id": "a", "state": "healthy", "type": "openai"}]}
    board = after(
        {"type": "snapshot", "path": boards.HEALTH_PATH, "body": health},
        tick(1.0, 1, providers=[{"id": "b", "state": "idle"}, {"id": "a", "request_count": 5}]),
        {"type": "provider", "provider": "a", "state": "failing", "was": "healthy"},
    )
    assert [(row["id"], row["state"]) for row in board.providers] == [
        ("a", "failing"),
        ("b", "idle"),
    ]
    assert board.providers[0]["type"] == "openai"
    assert board.notices[0].text == "a is failing (was healthy)"
    assert board.notices[0].level == "error"


def test_an_answer_that_is_an_error_takes_nothing_away() -> None:
    health = {"providers": [{"id": "a", "state": "healthy"}]}
    snapshot = {"type": "snapshot", "path": boards.HEALTH_PATH}
    board = after({**snapshot, "body": health}, {**snapshot, "body": {"error": {"code": "x"}}})
    assert [row["id"] for row in board.providers] == ["a"]
    assert board.body(boards.HEALTH_PATH) == {"error": {"code": "x"}}


def test_alike_notices_are_one_with_a_count() -> None:
    board = after(*(call(n, status=502, error_code="provider_500") for n in range(5)))
    assert [(one.text, one.count) for one in board.notices] == [("502 provider_500 on m @ p", 5)]
    assert board.notices[0].request_id == "req_4"
    assert after(call(4, status=502, error_code="provider_500"), board=board).notices[0].count == 5


def test_what_reached_no_provider_is_told_by_its_guard_alone() -> None:
    refused = {"status": 429, "model": "m", "request_id": "req_1"}
    board = after(
        call(1, provider=None, error_code="budget_exceeded", **refused | {"request_id": "req_1"}),
        {"type": "guard", "action": "refused", "rule": "budget_exceeded", **refused},
    )
    assert [one.text for one in board.notices] == ["429 budget_exceeded on m"]


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        ({"type": "budget", "action": "exceeded", "scope": "key", "subject": "ci", "percent": 100,
          "window": "month"}, "error", "budget key:ci exceeded at 100% of the month"),
        ({"type": "budget", "action": "created", "budget_id": "b1"}, "note", "budget b1 created"),
        ({"type": "key", "action": "revoked", "name": "ci"}, "warning", "ci revoked"),
        ({"type": "config", "action": "refused", "problems": ["prism.yaml:3:1 no"]}, "error",
         "configuration refused prism.yaml:3:1 no"),
        ({"type": "config", "action": "reloaded", "changes": ["a.b", "c"]}, "ok",
         "configuration reloaded a.b, c"),
        ({"type": "job", "kind": "backup", "action": "failed"}, "error", "backup failed"),
        ({"type": "node", "node": "n1", "action": "draining"}, "warning", "gateway n1 draining"),
        ({"type": "log", "level": "ERROR", "message": "disk full"}, "error", "disk full"),
        ({"type": "gap", "missed": 1200, "reason": "slow"}, "warning",
         "1,200 events missed - slow"),
        ({"type": "provider", "provider": "x", "action": "models", "count": 7}, "note",
         "x lists 7 models"),
        ({"type": "ledger", "action": "mismatch"}, "error", "ledger mismatch"),
    ],
)  # fmt: skip
def test_what_an_operator_should_see(event: dict[str, Any], level: str, text: str) -> None:
    notice = after(event).notices[0]
    assert (notice.level, notice.text) == (level, text)


def test_time_comes_from_events_alone() -> None:
    live = {"type": "link", "state": "live"}
    board = after({"type": "time", "ts_s": 100}, live, call(1), {"type": "time", "ts_s": 103})
    assert (board.now_s, board.silence_s, board.is_stale) == (103, 3, False)
    board = after({"type": "time", "ts_s": 110}, board=board)
    assert (board.silence_s, board.is_stale) == (10, True)
    assert after(tick(5.0, 1), board=board).is_stale is False


def test_a_lost_line_is_stale_at_once_and_says_since_when() -> None:
    lost = {"type": "link", "state": "lost", "message": "refused"}
    board = after({"type": "time", "ts_s": 100}, {"type": "link", "state": "live"},
                  {"type": "time", "ts_s": 101}, lost, {"type": "time", "ts_s": 105},
                  lost | {"message": "still refused"})  # fmt: skip
    assert board.is_stale
    assert (board.link.since_s, board.link.message) == (101, "still refused")


def test_a_recording_is_never_stale() -> None:
    board = after({"type": "link", "state": "replay"}, {"type": "time", "ts_s": 100}, call(1),
                  {"type": "time", "ts_s": 900})  # fmt: skip
    assert not board.is_stale


def test_nothing_grows_for_ever() -> None:
    board = Board()
    for n in range(1_200):
        board = reduce(board, call(n, status=500, error_code=f"e{n}"))
        board = reduce(board, tick(float(n), n))
        board = reduce(board, {"type": "log", "message": f"m{n}", "level": "WARNING"})
        board = reduce(board, {"type": "snapshot", "path": f"/{n}", "body": {}})
        state = {"type": "provider", "provider": f"p{n}", "state": "failing"}
        board = reduce(board, state)  # type: ignore[arg-type]
    assert len(board.calls) == boards.MAX_CALLS
    assert len(board.samples) == boards.MAX_SAMPLES
    assert len(board.log) == boards.MAX_LOG
    assert len(board.replies) == boards.MAX_ANSWERS
    assert len(board.providers) == boards.MAX_PROVIDERS
    assert len(board.notices) == notices.MAX_NOTICES


def test_the_recording() -> None:
    board = Board()
    for event in replay.load(FILE):
        board = reduce(board, event)
    assert 30 < board.rates().calls_per_s < 60
    assert {row["id"]: row["state"] for row in board.providers}["groq"] == "failing"
    assert board.version == "0.1.0"
    assert board.calls[0]["ts_s"] == BEGAN_S + 300
    assert any(HOSTILE in notice.text for notice in board.notices)


_TOPICS = [*boards._STEPS, "unknown", ""]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)
_NAMES = ["ts_s", "uptime_s", "series", "providers", "latency_bounds_s", "request_id", "status",
          "error_code", "model", "provider", "state", "path", "body", "data", "missed", "message",
          "level", "action", "id", "left_out", "percent", "problems", "latency_buckets",
          "calls", "node", "version", "is_new"]  # fmt: skip
_EVENTS = st.builds(
    lambda topic, body: {**body, "type": topic},
    st.sampled_from(_TOPICS),
    st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=10),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_EVENTS, max_size=12))
def test_no_event_breaks_the_board(events: list[Any]) -> None:
    board = Board()
    for event in events:
        before = repr(board)
        next_board = reduce(board, event)
        assert repr(board) == before, "reduce is pure"
        board = next_board
    # What the screens ask of it can be answered, too.
    board.rates()
    board.by("model")
    board.window()
    assert board.silence_s >= 0
    assert {field.name for field in fields(board)}
