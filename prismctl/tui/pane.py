"""What a screen is, and what it may ask of the app around it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.widget import Widget

from prismctl.errors import PrismctlError
from prismctl.jsontext import Object, as_text
from prismctl.output.human import Look
from prismctl.output.table import View
from prismctl.tui import keys
from prismctl.tui.board import Board
from prismctl.tui.feed import Feed

if TYPE_CHECKING:
    from prismctl.client.admin import Admin
    from prismctl.tui.widgets.resource_table import ResourceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object that ``v``, ``d``, ``c`` are about."""

    id: str
    body: Object
    view: View
    """How it is described."""


def subject_at(table: "ResourceTable", view: View, *, key: str = "id") -> Subject | None:
    """Return the object under a table's cursor, known by one of its members."""
    row = table.row
    return Subject(id=as_text(row.get(key)), body=row, view=view) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the gateway that waits for a yes."""

    title: str
    lines: Sequence[str]
    """What will be different, a line each."""
    command: tuple[str, ...]
    """The words of the equal command, without the program's name."""
    make: "Callable[[Admin], Object]"
    """Makes it; runs in a thread. Raises ``PrismctlError``."""
    done: str = ""
    """What is said when it is made; empty where ``then`` says it."""
    is_final: bool = False
    """Whether it cannot be undone."""
    typed: str = ""
    """What must be typed to agree; empty where ``y`` is enough."""
    further: Sequence[tuple[str, ...]] = ()
    """The words of more commands, where it is several."""
    then: Callable[[Object], None] | None = None
    """Told of the answer."""
    failed: Callable[[PrismctlError], None] | None = None
    """Told why it was not made, besides the notice."""


class Cockpit(Protocol):
    """The app, as screens see it."""

    feed: Feed

    @property
    def look(self) -> Look:
        """How values are written, now."""

    @property
    def is_writing(self) -> bool:
        """Whether changes are allowed: ``--write``."""

    @property
    def is_colored(self) -> bool:
        """Whether colours are shown: not with ``NO_COLOR``."""

    @property
    def admin(self) -> "Admin | None":
        """The admin API; None where a recording is played."""

    def open(self, route: str) -> None:
        """Go to a screen: its name, and what it is about after a space."""

    def redraw(self) -> None:
        """Draw the screen now, although nothing has come."""

    def say(self, message: str, *, tone: str = "") -> None:
        """Show a notice for a few seconds."""

    def ask(self, change: Change) -> None:
        """Show what would change, and make the change after a yes."""

    def read(self, path: str, then: Callable[[Object], None]) -> None:
        """Ask an admin path once, in a thread; ``then`` gets the answer, or an ``error`` object."""

    def look_up(
        self, path: str, ask: "Callable[[Admin], Object]", then: Callable[[Object], None]
    ) -> None:
        """Ask what is sent to with POST, but changes nothing; ``path`` finds it in a recording."""


class Pane(Widget):
    """A screen. It owns no truth: it draws the board it is shown, at most four times a second."""

    contexts: ClassVar[tuple[str, ...]] = ()
    """Of keys that it binds besides those of ``everywhere``; the footer shows them first."""

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__()
        self.cockpit = cockpit

    def enter(self, argument: str) -> None:
        """Be about something: what stands after the screen's name. Called before it is shown."""

    def show(self, board: Board) -> None:
        """Draw the board."""

    @property
    def table(self) -> "ResourceTable | None":
        """The table that ``/`` filters; None if there is none."""
        return None

    @property
    def subject(self) -> Subject | None:
        """The object under the cursor; None if there is none."""
        return None

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the ``prismctl`` command that shows the same."""
        return ("status",)

    def narrow(self, words: str) -> None:
        """Filter: ``!`` in front inverts. Called with each letter typed after ``/``."""
        if self.table is not None:
            self.table.narrow(words)

    def accept(self, words: str) -> None:
        """Take the filter as typed: enter was pressed."""
        self.narrow(words)

    @property
    def filter(self) -> str:
        """The filter in force."""
        return self.table.filter if self.table is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave dangerous actions out where nothing may be changed."""
        del parameters
        return self.cockpit.is_writing or not keys.is_dangerous(action)
