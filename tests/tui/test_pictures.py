"""Every screen as it looks, small and large, from the recorded feed."""

import pytest

from tests.tui.pictures import NARROW, WIDE, check, press, started

SCREENS = {
    "overview": (),
    "traffic": ("2",),
    "trace": ("2", "enter"),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen(screen: str, size: tuple[int, int]) -> None:
    async with started(size) as (app, pilot):
        await press(pilot, *SCREENS[screen])
        check(f"{screen}-{size[0]}x{size[1]}", app)
