"""The one way in: what ``prismctl dashboard`` calls. Textual is imported behind it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prismctl import contexts
from prismctl.client.events import Events
from prismctl.errors import UsageProblem
from prismctl.jsontext import Object
from prismctl.tui import keys, registry, replay
from prismctl.tui.app import Dashboard, Settings
from prismctl.tui.feed import Live

if TYPE_CHECKING:
    from prismctl.client.http import Http
    from prismctl.session import Session


@dataclass(frozen=True, slots=True)
class _Reads:
    http: "Http"

    def object(self, path: str) -> Object:
        return self.http.request("GET", path).object()

    def text(self, path: str) -> str:
        return self.http.request("GET", path).content.decode(errors="replace")


def dashboard(
    session: "Session", *, is_writing: bool, recording: Path | None, screen: str, theme: str
) -> Dashboard:
    """Return the dashboard, ready to run.

    Args:
        session: Where the gateway is, and who asks.
        is_writing: Whether it may change things.
        recording: Played instead of watching a gateway.
        screen: The first one.
        theme: A word of ``themes``.

    Raises:
        UsageProblem: there is no such screen.
    """
    entry = registry.find(screen.partition(" ")[0])
    if entry is None:
        msg = f"there is no screen {screen!r}"
        raise UsageProblem(msg, hint=f"there are: {', '.join(registry.NAMES)}")
    keymap = keys.load(contexts.config_dir() / "dashboard.toml")
    terminal = session.terminal
    if recording is not None:
        feed = replay.Replay(replay.load(recording))
        settings = Settings(
            name=recording.name,
            is_unicode=terminal.is_unicode,
            is_colored=terminal.is_out_colored,
            screen=screen,
            theme=theme,
            keymap=keymap,
        )
        return Dashboard(feed, settings)
    admin, gateway = session.admin, session.gateway
    # Streams have a client of their own: what is asked meanwhile need not wait for a connection.
    streams = session.open(gateway.url, session.token)
    live = Live(lambda: Events(streams), _Reads(admin.http))
    settings = Settings(
        name=gateway.name,
        url=gateway.url,
        is_writing=is_writing,
        is_unicode=terminal.is_unicode,
        is_colored=terminal.is_out_colored,
        screen=screen,
        theme=theme,
        flags=_flags(session),
        keymap=keymap,
    )
    return Dashboard(live, settings, admin)


def _flags(session: "Session") -> tuple[str, ...]:
    """Return the flags that lead to the same gateway again."""
    found: tuple[str, ...] = ()
    if session.flags.context:
        found += ("--context", session.flags.context)
    if session.flags.url:
        found += ("--url", session.flags.url)
    return found
