"""Commands by name: what ``:`` takes and completes, and what ``ctrl+p`` lists."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from prismctl.tui import registry, themes

if TYPE_CHECKING:
    from prismctl.tui.app import Dashboard


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that is no screen."""

    name: str
    help: str
    run: "Callable[[Dashboard, str], None]"
    arguments: tuple[str, ...] = ()
    """What may stand after it."""


def _theme(app: "Dashboard", name: str) -> None:
    if name in themes.THEMES:
        app.set_theme(name)
    else:
        app.say(f"themes: {', '.join(themes.THEMES)}", tone="warn")


COMMANDS = (
    Command(
        name="theme",
        help="take other colours",
        run=_theme,
        arguments=tuple(themes.THEMES),
    ),
    Command(name="refresh", help="ask again now", run=lambda app, _: app.action_refresh_now()),
    Command(name="pause", help="freeze, or go on", run=lambda app, _: app.action_pause()),
    Command(name="quit", help="leave", run=lambda app, _: app.exit()),
)
_SHORT = {"q": "quit", "q!": "quit", "exit": "quit"}


def complete(text: str) -> list[str]:
    """Return the commands that begin so, whole lines."""
    name, space, rest = text.partition(" ")
    for command in COMMANDS if space else ():
        if command.name == name:
            return [f"{name} {word}" for word in command.arguments if word.startswith(rest)]
    names = [entry.name for entry in registry.SCREENS] + [one.name for one in COMMANDS]
    aliases = [alias for entry in registry.SCREENS for alias in entry.aliases] if text else []
    found = [one for one in names if one.startswith(text)]
    return found or [alias for alias in aliases if alias.startswith(text)]


def run(app: "Dashboard", text: str) -> None:
    """Do what was typed."""
    name, _, rest = text.strip().partition(" ")
    name = _SHORT.get(name, name)
    for command in COMMANDS:
        if command.name == name:
            command.run(app, rest.strip())
            return
    entry = registry.find(name)
    if entry is not None:
        app.open(f"{entry.name} {rest}".strip())
        return
    near = get_close_matches(name, complete(""), n=1)
    app.say(f"there is no :{name}" + (f" - did you mean :{near[0]}?" if near else ""), tone="warn")


def _all(app: "Dashboard") -> list[tuple[str, str, Callable[[], None]]]:
    rows: list[tuple[str, str, Callable[[], None]]] = [
        (f"{entry.title}", entry.help, partial(app.open, entry.name))
        for entry in registry.SCREENS
        if entry.key
    ]
    for command in COMMANDS:
        rows += [
            (f"{command.name} {word}".strip(), command.help, partial(command.run, app, word))
            for word in command.arguments or ("",)
        ]
    return rows


class Commands(Provider):
    """Feeds Textual's palette."""

    async def discover(self) -> Hits:
        """List everything."""
        for name, text, do in _all(self.app):  # type: ignore[arg-type]
            yield DiscoveryHit(name, do, help=text)

    async def search(self, query: str) -> Hits:
        """List what fits."""
        matcher = self.matcher(query)
        for name, text, do in _all(self.app):  # type: ignore[arg-type]
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), do, help=text)


def provider() -> type[Provider]:
    """Return the palette's source."""
    return Commands
