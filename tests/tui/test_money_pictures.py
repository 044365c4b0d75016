"""Providers, keys and budgets as they look, small and large: lists, details, windows, states."""

from typing import Any

import pytest

from prismctl.tui.replay import Replay
from tests.prismctl.stub import StubGateway, error, key
from tests.tui.pictures import GOLDEN, NARROW, WIDE, check, press, started
from tests.tui.test_key_screens import snapshot
from tests.tui.writing import done, typed, writing

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
SCREENS: dict[str, tuple[str, ...]] = {
    "providers": ("3",),
    "provider": ("3", "enter"),
    "keys": ("4",),
    "key": ("4", "down", "enter"),
    "key-hostile": ("4", "G", "up", "up", "enter"),
    "budgets": ("6",),
    "budget": ("6", "down", "down", "enter"),
}
WINDOWS: dict[str, tuple[str, ...]] = {
    "keys-block": ("4", "space", "space", "b"),
    "keys-revoke": ("4", "down", "down", "ctrl+d"),
    "budgets-edit": ("6", "e"),
    "budgets-reset": ("6", "R"),
    "budgets-delete": ("6", "space", "space", "ctrl+d"),
}
EMPTY = {"object": "list", "data": [], "has_more": False}
REFUSED = {"error": {"message": "The admin token may not read this.", "code": "denied"}}
STATES: dict[str, list[dict[str, Any]]] = {
    "awaited": [{"type": "time", "ts_s": 1_795_694_700}],
    "empty": [
        snapshot("/-/keys?limit=500", EMPTY),
        snapshot("/-/budgets?limit=500", EMPTY),
        snapshot("/-/health/providers", {"object": "list", "window_s": 300, "providers": []}),
    ],
    "refused": [
        snapshot("/-/keys?limit=500", REFUSED),
        snapshot("/-/budgets?limit=500", REFUSED),
        snapshot("/-/health/providers", REFUSED),
    ],
}


@SIZES
@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen(screen: str, size: tuple[int, int]) -> None:
    async with started(size) as (app, pilot):
        await press(pilot, *SCREENS[screen])
        check(GOLDEN / f"{screen}-{size[0]}x{size[1]}.svg", app)


@SIZES
@pytest.mark.parametrize("window", WINDOWS)
async def test_a_window(stub: StubGateway, window: str, size: tuple[int, int]) -> None:
    async with writing(stub, size) as (app, pilot):
        await press(pilot, *WINDOWS[window])
        check(GOLDEN / f"{window}-{size[0]}x{size[1]}.svg", app)


@SIZES
async def test_the_making_of_a_key(stub: StubGateway, size: tuple[int, int]) -> None:
    refusal = error(400, "invalid_value", "'models': there is no model 'gpt-9'.")
    secret = "sk-prism-Z6yQ1v8uN0cR4mT7wB2xK5hJ9dF3gL6sA8pE1oI4tY7"
    stub.on("POST", "/-/keys", refusal, key(name="checkout", key=secret))
    end = f"-{size[0]}x{size[1]}"
    async with writing(stub, size) as (app, pilot):
        await press(pilot, "4", "n")
        check(GOLDEN / f"keys-new{end}.svg", app)
        await typed(pilot, "checkout")
        await press(pilot, "tab", "tab")
        await typed(pilot, "gpt-9")
        await press(pilot, "enter")
        check(GOLDEN / f"keys-new-confirm{end}.svg", app)
        await press(pilot, "y")
        await done(app, pilot)
        app.clear_notifications()
        await press(pilot, "right")
        check(GOLDEN / f"keys-new-refused{end}.svg", app)
        await press(pilot, "enter", "y")
        await done(app, pilot)
        app.clear_notifications()
        await press(pilot, "escape")
        check(GOLDEN / f"keys-new-secret{end}.svg", app)


@pytest.mark.parametrize("screen", ["3", "4", "6"])
@pytest.mark.parametrize("state", STATES)
async def test_a_state(state: str, screen: str) -> None:
    async with started(NARROW, feed=Replay(STATES[state], None)) as (app, pilot):
        await press(pilot, screen)
        check(GOLDEN / f"{app.entry.name}-{state}-80x24.svg", app)


async def test_without_colours_of_its_own_and_without_unicode() -> None:
    async with started(NARROW, theme="ansi", is_unicode=False) as (app, pilot):
        await press(pilot, "6")
        check(GOLDEN / "budgets-ascii-80x24.svg", app)
