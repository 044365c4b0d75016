"""The dashboard as a picture: started on the recorded feed, at a fixed size and time.

``python -m tests.tui.pictures`` writes those of the README.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widget import Widget

from prismctl.client.admin import Admin
from prismctl.tui.app import Dashboard, Settings
from prismctl.tui.replay import Replay, load
from tests.tui.recording import BEGAN_S, FILE, SECONDS

ROOT = Path(__file__).parent.parent.parent
GOLDEN, PICTURES = ROOT / "tests" / "golden" / "tui", ROOT / ".readme"
NARROW, WIDE = (80, 24), (120, 40)
README = {
    "overview": ((120, 40), ()),
    "traffic": ((120, 26), ("2",)),
    "trace": ((120, 36), ("2", "enter")),
    "usage": ((120, 40), ("5",)),
}
"""Names of pictures, their sizes and the keys that lead there."""
SAID = ("last_error", "reason")
"""What a provider said: a row is worth showing without it."""


@asynccontextmanager
async def started(
    size: tuple[int, int] = WIDE,
    feed: Replay | None = None,
    admin: Admin | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Dashboard, Pilot[None]]]:
    """Run the dashboard on a recording that is played at once; nothing moves by itself."""
    os.environ.pop("NO_COLOR", None)
    shown: dict[str, Any] = {"name": "prod", "url": "https://prism.example.com", **settings}
    app = Dashboard(feed or Replay(load(FILE), None), Settings(**shown), admin)
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield app, pilot


async def settled(pilot: Pilot[None]) -> None:
    """Wait until all that was asked for is drawn, however busy the machine is."""
    app, calm = pilot.app, 0
    assert isinstance(app, Dashboard)
    for _ in range(1_000):
        await pilot.pause(0.005)
        calm = calm + 1 if app.is_settled and _is_at_rest(app) else 0
        if calm > 3:
            return
    msg = f"the screen does not come to rest:\n{text(app)}"
    raise AssertionError(msg)


def _is_at_rest(app: Dashboard) -> bool:
    """Say whether nothing waits to be done, laid out or drawn."""
    screen = app.screen
    is_drawn = not (
        screen._layout_required
        or screen._repaint_required
        or screen._dirty_widgets
        or screen._callbacks
    )
    pumps = [app, screen, *screen.walk_children()]
    return is_drawn and not any(
        pump.message_queue_size or pump._next_callbacks or pump._layout_required
        if isinstance(pump, Widget)
        else pump.message_queue_size
        for pump in pumps
    )


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def picture(app: Dashboard) -> str:
    """Return the screen as SVG, the same for the same screen."""
    svg = app.export_screenshot(title="prismctl dashboard")
    # Rich names classes after a hash of what it draws, which changes with any letter.
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    # A picture of ours asks no other server for its letters.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def text(app: Dashboard) -> str:
    """Return the screen as lines of text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)


def check(path: Path, app: Dashboard) -> None:
    """Compare the screen with its picture; ``PRISM_GOLDEN=write`` writes it instead."""
    now = picture(app)
    if os.environ.get("PRISM_GOLDEN") == "write":
        path.write_text(now)
    assert path.exists(), f"no picture {path.name} yet: PRISM_GOLDEN=write makes it"
    if path.read_text() != now:
        (seen := Path(tempfile.gettempdir()) / f"seen-{path.name}").write_text(now)
        msg = f"{path.name} looks different, see {seen}; now it reads\n{text(app)}"
        raise AssertionError(msg)


@asynccontextmanager
async def of_readme(name: str) -> AsyncIterator[Dashboard]:
    """Show what a picture of the README shows, as if in the middle of the recording."""
    size, keys = README[name]
    later: Any = {"type": "time", "ts_s": int(BEGAN_S) + 2 * SECONDS}
    began = iter([0.0])
    events = _without_hostile(load(FILE))
    assert isinstance(events, list)
    feed = Replay([*events, later], lambda: next(began, float(SECONDS)))
    async with started(size, feed) as (app, pilot):
        await press(pilot, *keys)
        yield app


def _without_hostile(value: Any) -> Any:
    """Leave out what is recorded to show that no text commands the terminal."""
    if isinstance(value, list):
        return [clean for one in value if not _is_hostile(clean := _without_hostile(one))]
    if isinstance(value, dict):
        return {
            name: "it answered 503" if name in SAID and _is_hostile(one) else _without_hostile(one)
            for name, one in value.items()
        }
    return value


def _is_hostile(value: Any) -> bool:
    """Say whether a text, or one of a row's, holds an escape."""
    texts = value.values() if isinstance(value, dict) else [value]
    return any(isinstance(one, str) and "\x1b" in one for one in texts)


async def write_readme() -> None:
    """Write the README's pictures."""
    for name in README:
        async with of_readme(name) as app:
            path = PICTURES / f"{name}.svg"
            path.write_text(picture(app))
            print(path)


if __name__ == "__main__":
    asyncio.run(write_readme())
