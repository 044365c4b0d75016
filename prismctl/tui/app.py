"""The dashboard: takes events from the feed, keeps the board, and shows it to one screen at a time.

What is shown and how is the screens'; what keys there are, ``keys`` says; which screens, the
``registry``. Here is what all of them share.
"""

import asyncio
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import App, ComposeResult
from textual.command import Provider
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from prismctl import clock
from prismctl.errors import PrismctlError
from prismctl.guard import DryRun
from prismctl.jsontext import Object
from prismctl.output import safe
from prismctl.output.human import Look
from prismctl.tui import keys, palette, registry, themes
from prismctl.tui import look as looks
from prismctl.tui.board import Board, reduce
from prismctl.tui.feed import Feed
from prismctl.tui.key_table import TABLE
from prismctl.tui.pane import Change, Pane
from prismctl.tui.registry import Entry
from prismctl.tui.route import Routes
from prismctl.tui.widgets import detail
from prismctl.tui.widgets.command_bar import CommandBar
from prismctl.tui.widgets.confirm import Confirm
from prismctl.tui.widgets.strips import Footer, Header, Tabs

if TYPE_CHECKING:
    from prismctl.client.admin import Admin

Severity = Literal["information", "warning", "error"]
REFRESH_S = 0.25
"""Four times a second is what an eye can follow, and what an SSH line can carry."""
NOTICE_S = 4.0
ENDED = 128 + signal.SIGTERM
"""What a process that was told to end returns, as shells say it."""
_SHARED = {key.action.partition("(")[0] for key in TABLE if key.context == "everywhere"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the dashboard was started."""

    name: str = ""
    """Of the context."""
    url: str = ""
    is_writing: bool = False
    is_unicode: bool = True
    screen: str = "overview"
    theme: str = "dark"
    is_colored: bool = True
    """False for ``NO_COLOR`` and its like."""
    flags: tuple[str, ...] = ()
    """Words that every copied command needs to reach the same gateway."""
    keymap: Mapping[str, str] = field(default_factory=dict)


class Dashboard(App[None]):
    """The app. Start it with a feed that has not begun."""

    CSS_PATH = "theme.tcss"
    BINDINGS = [*keys.bindings("everywhere"), *keys.bindings("subject")]  # noqa: RUF012 - as above
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {palette.provider}
    COMMAND_PALETTE_BINDING = ""
    AUTO_FOCUS = None
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012 - Textual: no ClassVar

    def __init__(self, feed: Feed, settings: Settings, admin: "Admin | None" = None) -> None:
        # Native colours can be left out wholly; of others Textual leaves greys.
        super().__init__(ansi_color=None if settings.is_colored else True)
        self.feed = feed
        self.settings = settings
        self.board = Board()
        self._admin = admin
        self._panes: dict[str, Pane] = {}
        self._routes = Routes(settings.screen)
        self._is_paused = False
        self.is_settled = False
        """Whether the screen that was asked for has come, and has the keyboard."""
        self._drawn_s = -1.0
        for theme in (*themes.THEMES.values(), themes.PLAIN):
            self.register_theme(theme)
        self.set_theme(settings.theme)

    @property
    def look(self) -> Look:
        """How values are written, now."""
        now = datetime.fromtimestamp(self.board.now_s, UTC)
        return Look(is_people=True, is_unicode=self.settings.is_unicode, now=now)

    @property
    def is_writing(self) -> bool:
        """Whether changes are allowed."""
        return self.settings.is_writing and self._admin is not None

    @property
    def is_colored(self) -> bool:
        """Whether colours are shown."""
        return self.settings.is_colored

    @property
    def admin(self) -> "Admin | None":
        """The admin API; None where a recording is played."""
        return self._admin

    @property
    def entry(self) -> Entry:
        """The screen that is shown."""
        return registry.find(self._routes.screen) or registry.SCREENS[0]

    @property
    def pane(self) -> Pane:
        """The screen that is shown, as a widget."""
        return self._panes[self.entry.name]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colours that a theme of somebody else does not name."""
        return dict(themes.THEMES["dark"].variables)

    def compose(self) -> ComposeResult:
        """Strips around the place for a screen."""
        yield Header(self.settings.name, self.settings.url, is_writing=self.is_writing)
        yield Tabs(registry.SCREENS)
        yield Container(id="place")
        yield CommandBar(self._complete)
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.set_class(not self.settings.is_unicode, "-ascii")
        self.set_keymap(self.settings.keymap)
        with suppress(NotImplementedError, RuntimeError, ValueError):
            # The terminal is given back; in a thread, or on Windows, there is no such signal.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, ENDED)
        self.feed.start()
        self.pull()
        self._arrive()
        self.set_interval(REFRESH_S, self.pull)

    def on_unmount(self) -> None:
        """End the feed's threads."""
        self.feed.stop()

    def pull(self) -> None:
        """Take what has come, and draw it unless paused."""
        events = self.feed.take()
        if not self.feed.is_recorded:
            now: Object = {"type": "time", "ts_s": int(clock.now().timestamp())}
            events.insert(0, now)
        board = self.board
        for event in events:
            board = reduce(board, event)
        if board is not self.board or not events:
            is_new = board != self.board if len(events) <= 1 else True
            self.board = board
            if is_new:
                self.draw()

    def draw(self, *, is_forced: bool = False) -> None:
        """Draw strips and screen."""
        if not self._panes:
            return
        self.query_one(Header).tell(self.board, self.look, is_paused=self._is_paused)
        if not self._is_paused or is_forced:
            self.pane.show(self.board)

    def redraw(self) -> None:
        """Draw now, also while paused."""
        self.draw(is_forced=True)

    def open(self, route: str) -> None:
        """Go to a screen, and remember where one came from."""
        self._routes.go(route)
        self._arrive()

    def say(self, message: str, *, tone: str = "") -> None:
        """Show a notice for a few seconds."""
        severity: Severity = "information"
        if tone:
            severity = "error" if tone == "bad" else "warning"
        self.notify(safe.block(message), severity=severity, timeout=NOTICE_S, markup=False)

    def ask(self, change: Change) -> None:
        """Show what would change, and make the change after a yes."""
        window = Confirm(
            change.title,
            change.lines,
            [self.typed(words) for words in (change.command, *change.further)],
            self.look,
            is_final=change.is_final,
            typed=change.typed,
        )

        def answered(is_agreed: bool | None) -> None:
            if is_agreed:
                self.run_worker(lambda: self._make(change), thread=True, exclusive=False)
            else:
                self.say("nothing was changed")

        self.push_screen(window, answered)

    def _make(self, change: Change) -> None:
        if self._admin is None:
            return
        try:
            answer = change.make(self._admin)
        except DryRun as dry:
            self.call_from_thread(self.say, f"--dry-run: not sent: {dry}")
            return
        except PrismctlError as error:
            # Somebody else may have been quicker: the next try should begin with what is so now.
            self.feed.refresh()
            hint = f"\n{error.hint}" if error.hint else ""
            self.call_from_thread(self.say, f"{error.message}{hint}", tone="bad")
            if change.failed is not None:
                self.call_from_thread(change.failed, error)
            return
        self.feed.refresh()
        if change.done:
            self.call_from_thread(self.say, change.done)
        if change.then is not None:
            self.call_from_thread(change.then, answer)

    def read(self, path: str, then: Callable[[Object], None]) -> None:
        """Ask an admin path once; ``then`` gets the answer, or an ``error`` object."""

        def ask() -> None:
            try:
                answer = self.feed.read(path)
            except PrismctlError as error:
                answer = error.as_object()
            self.call_from_thread(then, answer)

        if self.feed.is_recorded:
            try:
                then(self.feed.read(path))
            except PrismctlError as error:
                then(error.as_object())
        else:
            self.run_worker(ask, thread=True, exclusive=False)

    def look_up(
        self, path: str, ask: "Callable[[Admin], Object]", then: Callable[[Object], None]
    ) -> None:
        """Ask what is sent to with POST, but changes nothing; of a recording its answer."""
        admin = self._admin
        if admin is None:
            self.read(path, then)
            return

        def asked() -> None:
            try:
                answer = ask(admin)
            except PrismctlError as error:
                answer = error.as_object()
            self.call_from_thread(then, answer)

        self.run_worker(asked, thread=True, exclusive=False)

    def typed(self, words: Sequence[str]) -> str:
        """Return a command line of these words, as it is typed for this gateway."""
        return shlex.join(["prismctl", *(safe.line(word) for word in words), *self.settings.flags])

    def _arrive(self) -> None:
        """Show the screen of the route."""
        entry = self.entry
        place = self.query_one("#place")
        pane = self._panes.get(entry.name)
        if pane is None:
            pane = self._panes[entry.name] = registry.load(entry)(self)
            place.mount(pane)
        self.is_settled = False
        for other in self._panes.values():
            other.display = other is pane
        self._focus()
        self.feed.want(entry.paths)
        pane.enter(self._routes.argument)
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """Draw the screen that has just come, and give it the keyboard."""
        if not self._focus():
            # It is still being made: what is in it comes with one of the next refreshes.
            self.call_after_refresh(self._settle)
            return
        self.redraw()
        self._draw_strips()
        self.is_settled = True

    def _focus(self) -> bool:
        """Give the screen the keyboard, at once; while it is being made, nobody has it.

        Return whether it is made.
        """
        pane = self.pane
        made = [one for one in pane.query("*") if one.can_focus]
        table = pane.table
        target = table if table in made else next(iter(made), None)
        self.screen.set_focus(target)
        return table is None or table in made

    def _draw_strips(self) -> None:
        self.query_one(Tabs).light(self.entry)
        contexts = (*self.pane.contexts, "everywhere")
        rows = keys.of(contexts, is_writing=self.is_writing)
        self.query_one(Footer).offer(rows, self.settings.keymap, self.look)

    def _complete(self, prompt: str, text: str) -> list[str]:
        return palette.complete(text) if prompt == ":" else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to a window over the screen, and to whoever takes text."""
        is_typing = isinstance(self.focused, Input) or isinstance(self.screen, ModalScreen)
        is_shared = action in _SHARED
        return False if is_shared and is_typing else super().check_action(action, parameters)

    def action_go(self, name: str) -> None:
        """Go to a screen."""
        self.open(name)

    def action_command(self) -> None:
        """Take a command."""
        self.query_one(CommandBar).open(":")

    def action_filter(self) -> None:
        """Take a filter."""
        self.query_one(CommandBar).open("/", self.pane.filter)

    def on_command_bar_typed(self, event: CommandBar.Typed) -> None:
        """Filter while it is typed; say what completes a command."""
        if event.prompt == "/":
            self.pane.narrow(event.words)
        else:
            names = palette.complete(event.words)
            hints = [looks.line(" ", (name, "accent"), " ") for name in names]
            self.query_one(Footer).say(looks.line(*hints), self.look)

    def on_command_bar_taken(self, event: CommandBar.Taken) -> None:
        """Do it."""
        self._settle()
        if event.prompt == "/":
            self.pane.accept(event.words)
        elif event.words:
            palette.run(self, event.words)

    def on_command_bar_left(self, event: CommandBar.Left) -> None:
        """Take back what was typed."""
        if event.prompt == "/":
            self.pane.narrow(event.words)
        self._settle()

    def action_leave(self) -> None:
        """Clear the filter, then the marks, then go back."""
        if self.pane.filter:
            self.pane.accept("")
        elif self.pane.table is None or not self.pane.table.unmark():
            self.action_previous()

    def action_previous(self) -> None:
        """Back in the history."""
        if self._routes.back():
            self._arrive()

    def action_next(self) -> None:
        """Forward in the history."""
        if self._routes.forward():
            self._arrive()

    def action_last(self) -> None:
        """To the screen before."""
        if self._routes.last():
            self._arrive()

    def action_pause(self) -> None:
        """Freeze what is shown, or go on."""
        self._is_paused = not self._is_paused
        self.draw()

    def action_refresh_now(self) -> None:
        """Ask the gateway again."""
        self.feed.refresh()
        self.pane.enter(self._routes.argument)
        self.say("asked again")

    def action_copy_command(self) -> None:
        """Copy the equal command."""
        self._copy(self.typed(self.pane.command))

    def action_copy_id(self) -> None:
        """Copy the id of the object."""
        subject = self.pane.subject
        if subject is not None:
            self._copy(safe.line(subject.id))

    def _copy(self, text: str) -> None:
        self.copy_to_clipboard(text)
        self.say(f"copied: {text}")

    def action_raw(self) -> None:
        """Show the JSON of the object."""
        subject = self.pane.subject
        if subject is not None:
            self.push_screen(detail.Detail(subject.id, detail.raw(subject.body)))

    def action_describe(self) -> None:
        """Show all fields of the object."""
        subject = self.pane.subject
        if subject is not None:
            content = detail.described(subject.body, subject.view, self.look)
            self.push_screen(detail.Detail(subject.id, content))

    def action_palette(self) -> None:
        """Show all commands."""
        self.action_command_palette()

    def action_help(self) -> None:
        """Show the keys."""
        self.open("help")

    def set_theme(self, name: str) -> None:
        """Take other colours."""
        theme = themes.THEMES[name] if self.settings.is_colored else themes.PLAIN
        self.theme = theme.name
