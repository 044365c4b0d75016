"""Every screen as it looks, small and large, from the recorded feed."""

import pytest

from tests.tui.pictures import (
    GOLDEN,
    NARROW,
    PICTURES,
    README,
    WIDE,
    check,
    of_readme,
    press,
    started,
)

SCREENS = {
    "overview": (),
    "traffic": ("2",),
    "trace": ("2", "enter"),
    "usage": ("5",),
    "usage-hour": ("5", "t", "t", "t"),
    "usage-month": ("5", "t", "t"),
    "usage-tokens": ("5", "m", "m"),
    "usage-one": ("5", "enter"),
    "usage-owner": ("5", "b", "b", "b"),
    "audit": ("7",),
    "audit-entry": ("7", "down", "down", "enter"),
    "config": ("8",),
    "config-check": ("8", "x"),
    "logs": ("9",),
    "logs-message": ("9", "down", "down", "down", "enter"),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen(screen: str, size: tuple[int, int]) -> None:
    async with started(size) as (app, pilot):
        await press(pilot, *SCREENS[screen])
        check(GOLDEN / f"{screen}-{size[0]}x{size[1]}.svg", app)


@pytest.mark.parametrize("name", README)
async def test_a_picture_of_the_readme_is_current(name: str) -> None:
    async with of_readme(name) as app:
        check(PICTURES / f"{name}.svg", app)
