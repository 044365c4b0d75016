"""The screens of budgets: pace, where the money went, and that each change is sent exactly."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from textual.widgets import Input

from prismctl.jsontext import Object
from prismctl.tui import forecast
from prismctl.tui.replay import Replay
from prismctl.tui.screens.budget import Budget
from tests.prismctl.stub import StubGateway, error
from tests.tui.pictures import NARROW, WIDE, press, started, text
from tests.tui.recorded_answers import BUDGETS, NANO, budget
from tests.tui.test_key_screens import snapshot
from tests.tui.writing import changes, done, said, typed, window, writing

NOW = datetime(2026, 11, 11, tzinfo=UTC)


def monthly(limit: float, spent: float, **more: Any) -> dict[str, Any]:
    return {
        "limit_nano_usd": int(limit * NANO),
        "spent_nano_usd": int(spent * NANO),
        "held_nano_usd": 0,
        "window_starts_at": "2026-11-01T00:00:00Z",
        "resets_at": "2026-12-01T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z",
        **more,
    }


@pytest.mark.parametrize(
    ("spent", "state", "words"),
    [
        (0, "idle", "unused"),
        (10, "ok", "lasts"),
        (33.3, "ok", "lasts"),
        # 50 in ten days, 50 are left for twenty.
        (50, "warning", "in 10d"),
        (80, "warning", "in 2d 12h"),
        (100, "exceeded", "used up"),
        (120, "exceeded", "used up"),
    ],
)
def test_how_long_a_budget_lasts(spent: float, state: str, words: str) -> None:
    found = forecast.pace(monthly(100, spent), NOW)
    assert (found.state, found.text) == (state, words)


def test_what_is_held_is_as_good_as_spent() -> None:
    found = forecast.pace(monthly(100, 50, held_nano_usd=25 * NANO), NOW)
    assert found.text == "in 5d"


def test_a_budget_without_an_end_is_used_up_some_day_and_that_is_no_warning() -> None:
    row = monthly(100, 50, window_starts_at=None, resets_at=None, created_at="2026-11-01T00:00:00Z")
    assert forecast.pace(row, NOW).state == "ok"
    assert forecast.pace(row, NOW).text == "in 10d"


def test_a_window_that_has_just_begun_has_no_pace() -> None:
    began = datetime(2026, 11, 1, tzinfo=UTC)
    assert forecast.pace(monthly(100, 1), began + timedelta(seconds=59)).text == "no pace yet"


def test_nonsense_has_no_pace() -> None:
    odd: Object = {
        "limit_nano_usd": "x",
        "spent_nano_usd": None,
        "window_starts_at": 7,
        "resets_at": "?",
    }
    assert forecast.pace(odd, NOW).state == "exceeded"
    assert forecast.pace({**odd, "limit_nano_usd": 5}, NOW).state == "idle"


async def test_without_write_there_is_nothing_that_changes(stub: StubGateway) -> None:
    async with writing(stub, is_writing=False) as (app, pilot):
        await press(pilot, "6", "n", "e", "R", "ctrl+d", "enter", "n", "e", "R", "ctrl+d")
        assert len(app.screen_stack) == 1
        assert stub.sent == []


async def test_a_budget_is_made_for_a_key_by_its_name(stub: StubGateway) -> None:
    stub.on("POST", "/-/budgets", BUDGETS[0])
    async with writing(stub) as (app, pilot):
        await press(pilot, "6", "n")
        for value in ("key:research", "30/week", "warn", "90"):
            await typed(pilot, value)
            await press(pilot, "tab")
        await press(pilot, "enter")
        assert "$ prismctl budgets set key:research 30/week --soft --warn 90" in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        body = {"scope": "key", "subject": "key_03research", "limit": 30, "window": "weekly",
                "hard": False, "warn_percent": 90}  # fmt: skip
        assert changes(stub) == [("POST", "/-/budgets", body, None)]
        assert len(app.screen_stack) == 1


async def test_a_refusal_leaves_the_form_as_it_was_typed(stub: StubGateway) -> None:
    stub.on("POST", "/-/budgets", error(409, "budget_exists", "There is one (bgt_04)."))
    async with writing(stub) as (app, pilot):
        await press(pilot, "6", "n")
        await typed(pilot, "lab")
        await press(pilot, "enter")
        assert "'lab' does not say whose budget" in window(app)
        for _ in "lab":
            await pilot.press("backspace")
        await typed(pilot, "key:nobody")
        await press(pilot, "tab")
        await typed(pilot, "5/day")
        await press(pilot, "enter")
        assert "there is no key 'nobody'" in window(app)
        assert stub.sent == []
        await press(pilot, "up")
        for _ in "key:nobody":
            await pilot.press("backspace")
        await typed(pilot, "owner:lab")
        await press(pilot, "enter", "y")
        await done(app, pilot)
        assert "There is one (bgt_04)." in window(app)
        assert [one.value for one in app.screen.query(Input)] == ["owner:lab", "5/day", "", ""]


async def test_only_what_is_different_is_sent(stub: StubGateway) -> None:
    stub.on("PUT", "/-/budgets/bgt_01", BUDGETS[0])
    async with writing(stub) as (app, pilot):
        await press(pilot, "6", "e", "enter")
        assert "nothing is different" in window(app)
        await press(pilot, "backspace", "backspace")
        await typed(pilot, "80")
        await press(pilot, "tab")
        for _ in "refuse":
            await pilot.press("backspace")
        await typed(pilot, "warn")
        await press(pilot, "enter")
        shown = window(app)
        assert "limit: $50.00 → $80.00 per month" in shown
        assert "at the limit: refuses calls → only warns" in shown
        assert "$ prismctl budgets set key:nightly-batch 80/month --soft" in shown
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [("PUT", "/-/budgets/bgt_01", {"limit": 80, "hard": False}, None)]


async def test_a_reset_and_a_deletion_say_what_they_do(stub: StubGateway) -> None:
    stub.on("POST", "/-/budgets/bgt_01/reset", BUDGETS[0])
    stub.on("DELETE", "/-/budgets/bgt_01", BUDGETS[0])
    async with writing(stub) as (app, pilot):
        await press(pilot, "6", "R")
        assert "spent $50.02 → $0.00" in window(app)
        assert "$ prismctl budgets reset key:nightly-batch month" in window(app)
        assert "This cannot be undone." in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        await press(pilot, "enter", "ctrl+d")
        assert isinstance(app.pane, Budget)
        assert "it refuses no call any more" in window(app)
        await press(pilot, "y")
        await done(app, pilot)
        assert changes(stub) == [
            ("POST", "/-/budgets/bgt_01/reset", None, None),
            ("DELETE", "/-/budgets/bgt_01", None, None),
        ]
        assert "deleted" in said(app)


async def test_marked_budgets_are_reset_each_by_each(stub: StubGateway) -> None:
    stub.on("POST", "/-/budgets/bgt_01/reset", BUDGETS[0])
    async with writing(stub) as (app, pilot):
        await press(pilot, "6", "space", "space", "e")
        assert "one at a time" in said(app)
        await press(pilot, "R", "y")
        await done(app, pilot)
        assert [path for _, path, _, _ in changes(stub)] == [
            "/-/budgets/bgt_01/reset",
            "/-/budgets/bgt_11/reset",
        ]
        assert "1 of 2 counts from zero" in window(app)


async def test_a_budget_in_detail() -> None:
    async with started(WIDE) as (app, pilot):
        await press(pilot, "6", "down", "down", "enter")
        shown = text(app)
        for words in ("key:web-app, 400/month", "83% spent", "WHERE IT WENT", "claude-sonnet-5",
                      "lasts", "in 4d", "refuses calls"):  # fmt: skip
            assert words in shown
        assert app.pane.command == ("budgets", "get", "key:web-app", "month")


async def test_no_budgets_and_a_budget_that_is_gone() -> None:
    empty = snapshot("/-/budgets?limit=500", {"object": "list", "data": [], "has_more": False})
    async with started(NARROW, feed=Replay([empty], None)) as (app, pilot):
        await press(pilot, "6")
        assert "no budgets yet" in text(app)
        app.open("budget bgt_gone")
        await press(pilot, "r")
        assert "there is no budget bgt_gone" in text(app)


async def test_five_hundred_budgets_are_drawn() -> None:
    many = [budget(at, f"owner:team-{at}", "monthly", 100, at % 120) for at in range(500)]
    answer = snapshot("/-/budgets?limit=500", {"object": "list", "data": many, "has_more": False})
    async with started(WIDE, feed=Replay([answer], None)) as (app, pilot):
        await press(pilot, "6")
        assert "Budgets 500" in text(app)
        await press(pilot, "slash")
        await typed(pilot, "team-499")
        await press(pilot, "enter")
        assert "1 of 500" in text(app)
