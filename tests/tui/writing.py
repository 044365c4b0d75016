"""The dashboard with ``--write``, on the recording, with a stub gateway that takes its changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from prismctl.client.admin import Admin
from prismctl.client.http import Before, Http
from prismctl.tui.app import Dashboard
from tests.prismctl.stub import TOKEN, Sent, StubGateway
from tests.tui.pictures import NARROW, settled, started


@asynccontextmanager
async def writing(
    stub: StubGateway,
    size: tuple[int, int] = NARROW,
    before: Before | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Dashboard, Pilot[None]]]:
    http = Http(stub.url, token=TOKEN, before=before)
    try:
        shown = {"is_writing": True, **settings}
        async with started(size, admin=Admin(http), **shown) as (app, pilot):
            yield app, pilot
    finally:
        http.close()


async def typed(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text)
    await settled(pilot)


async def done(app: Dashboard, pilot: Pilot[None]) -> None:
    """Wait for what was sent to be answered, and shown."""
    await app.workers.wait_for_complete()
    await settled(pilot)


def changes(stub: StubGateway) -> list[tuple[str, str, Any, str | None]]:
    """Return what was sent to change something: method, path, body, If-Match."""
    return [
        (one.method, one.path, _body(one), one.headers.get("if-match"))
        for one in stub.sent
        if one.method != "GET"
    ]


def _body(sent: Sent) -> Any:
    return sent.json() if sent.body else None


def window(app: Dashboard) -> str:
    """Return what the window over the screen says, without its layout."""
    parts = [str(one.content) for one in app.screen.query(Static)]
    return "\n".join([str(app.screen.query_one("#box").border_title), *parts])


def said(app: Dashboard) -> str:
    """Return the notices that were shown."""
    return "\n".join(notice.message for notice in app._notifications)
