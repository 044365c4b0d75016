"""The one way in: what ``prismctl dashboard`` calls. Textual is imported behind it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prismctl import contexts
from prismctl.client.events import Events
from prismctl.errors import UsageProblem
from prismctl.jsontext import Object
from prismctl.tui import keys, registry, replay
from prismctl.tui.app import Dashboard, Settings
from prismctl.tui.feed import Feed, Live

if TYPE_CHECKING:
    from prismctl.client.http import Http
    from prismctl.session import Session


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads admin paths of a gateway."""

    http: "Http"

    def object(self, path: str) -> Object:
        """Return the JSON object that a path answers."""
        return self.http.request("GET", path).object()

    def text(self, path: str) -> str:
        """Return the text that a path answers."""
        return self.http.request("GET", path).content.decode(errors="replace")


def played(session: "Session", file: Path, *, screen: str, theme: str) -> Dashboard:
    """Return the dashboard of a recording, ready to run.

    Raises:
        UsageProblem: there is no such screen.
        ConfigProblem: the recording cannot be read.
    """
    settings = _settings(session, screen, theme)
    return Dashboard(replay.Replay(replay.load(file)), replace(settings, name=file.name))


def watched(
    session: "Session", *, is_writing: bool, record: Path | None, screen: str, theme: str
) -> Dashboard:
    """Return the dashboard of the session's gateway, ready to run.

    Args:
        session: Where the gateway is, and who asks.
        is_writing: Whether it may change things.
        record: Where to write what is seen.
        screen: The first one.
        theme: A word of ``themes``.

    Raises:
        UsageProblem: there is no such screen.
    """
    settings = _settings(session, screen, theme)
    admin, gateway = session.admin, session.gateway
    # Streams have a client of their own: what is asked meanwhile need not wait for a connection.
    streams = session.open(gateway.url, session.token)
    feed: Feed = Live(lambda: Events(streams), Reads(admin.http))
    if record is not None:
        feed = replay.Recorder(feed, record)
    settings = replace(
        settings,
        name=gateway.name,
        url=gateway.url,
        is_writing=is_writing,
        flags=_flags(session),
    )
    return Dashboard(feed, settings, admin)


def _settings(session: "Session", screen: str, theme: str) -> Settings:
    if registry.find(screen.partition(" ")[0]) is None:
        msg = f"there is no screen {screen!r}"
        raise UsageProblem(msg, hint=f"there are: {', '.join(registry.NAMES)}")
    return Settings(
        is_unicode=session.terminal.is_unicode,
        is_colored=session.terminal.is_out_colored,
        screen=screen,
        theme=theme,
        keymap=keys.load(contexts.config_dir() / "dashboard.toml"),
    )


def _flags(session: "Session") -> tuple[str, ...]:
    """Return the flags that lead to the same gateway again."""
    found: tuple[str, ...] = ()
    if session.flags.context:
        found += ("--context", session.flags.context)
    if session.flags.url:
        found += ("--url", session.flags.url)
    return found
