"""A feed that tells what a test puts in, and remembers what was asked of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from textual.pilot import Pilot

from prismctl.client.admin import Admin
from prismctl.errors import NotThere
from prismctl.jsontext import Object
from prismctl.tui.app import Dashboard, Settings
from tests.tui.pictures import WIDE, settled


class Scripted:
    """A running gateway, as far as the dashboard can tell."""

    is_recorded = False

    def __init__(self, *events: dict[str, Any]) -> None:
        self.waiting: list[Object] = [cast("Object", event) for event in events]
        self.wanted: Mapping[str, float] = {}
        self.filters: Mapping[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.refreshed = 0
        self.is_stopped = False

    def start(self) -> None:
        return

    def take(self) -> list[Object]:
        found, self.waiting = self.waiting, []
        return found

    def want(self, paths: Mapping[str, float]) -> None:
        self.wanted = paths

    def refresh(self) -> None:
        self.refreshed += 1

    def narrow(self, filters: Mapping[str, str]) -> None:
        self.filters = filters

    def read(self, path: str) -> Object:
        if path not in self.answers:
            msg = f"nothing at {path}"
            raise NotThere(msg)
        answer: Object = self.answers[path]
        return answer

    def stop(self) -> None:
        self.is_stopped = True


@asynccontextmanager
async def live(
    feed: Scripted, size: tuple[int, int] = WIDE, admin: Any = None, **settings: Any
) -> AsyncIterator[tuple[Dashboard, Pilot[None]]]:
    """Run the dashboard on a scripted gateway."""
    shown: dict[str, Any] = {"name": "prod", "url": "http://gateway", **settings}
    app = Dashboard(feed, Settings(**shown), cast("Admin | None", admin))
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield app, pilot


async def tell(app: Dashboard, pilot: Pilot[None], *events: dict[str, Any]) -> None:
    """Let events come, and wait until they are drawn."""
    assert isinstance(app.feed, Scripted)
    app.feed.waiting += [cast("Object", event) for event in events]
    app.pull()
    await settled(pilot)


def call(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "call", "ts_s": 1_795_694_400 + number, "request_id": f"req_{number:03}",
            "key_id": "key_1", "key_name": "ci", "status": 200, "model": "gpt",
            "provider": "openai", "latency_ms": 100 + number, "input_tokens": 10,
            "output_tokens": 5, "cost_nano_usd": number * 1000, **fields}  # fmt: skip


LIVE = {"type": "link", "state": "live"}
