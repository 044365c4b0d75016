"""Calls as they happen, newest first. Words of the form ``name=value`` filter at the gateway."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult

from prismctl.jsontext import as_text
from prismctl.tui import narrowing
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane, Subject, subject_at
from prismctl.tui.screens.call_views import CALL, CALLS
from prismctl.tui.widgets.resource_table import ResourceTable


class Traffic(Pane):
    """The second screen."""

    contexts: ClassVar[tuple[str, ...]] = ("rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._table = ResourceTable(CALLS, "Calls", cockpit.look)
        self._table.is_following = True
        self._board = Board()
        self._words = ""
        self._filters: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """The table."""
        yield self._table

    @property
    def table(self) -> ResourceTable:
        """The calls."""
        return self._table

    @property
    def subject(self) -> Subject | None:
        """The call under the cursor."""
        return subject_at(self._table, CALL, key="request_id")

    @property
    def command(self) -> tuple[str, ...]:
        """While it follows, what follows too; else what shows the call under the cursor."""
        subject = self.subject
        if subject is not None and not self._table.is_following:
            return ("requests", "get", subject.id)
        words = ["tail"]
        for name, value in self._filters.items():
            words += [f"--{name.replace('_', '-')}", value]
        return tuple(words)

    @property
    def filter(self) -> str:
        """The filter as it was typed."""
        return self._words

    def enter(self, argument: str) -> None:
        """Filter by what stands after the name."""
        if argument:
            self.accept(argument)

    def narrow(self, words: str) -> None:
        """Filter what is here while it is typed; what is for the gateway waits for enter."""
        self._words = words
        self._table.narrow(narrowing.parted(words)[1])

    def accept(self, words: str) -> None:
        """Filter here and at the gateway."""
        self.narrow(words)
        filters = {
            name: self._known(name, value) for name, value in narrowing.parted(words)[0].items()
        }
        if filters != self._filters:
            self._filters = filters
            self.cockpit.feed.narrow(filters)
            self.show(self._board)

    def show(self, board: Board) -> None:
        """Draw the calls."""
        self._board = board
        left_out = f"{board.left_out:,} sampled away" if board.left_out else ""
        filters = " ".join(f"{name}={value}" for name, value in self._filters.items())
        self._table.note = "  ".join(filter(None, (filters, left_out)))
        # What was here before the gateway has heard of the filters is narrowed at once.
        calls = [call for call in board.calls if narrowing.fits(call, self._filters)]
        is_waiting = board.link.state == "connecting" and not board.calls
        self._table.show(None if is_waiting else calls, self.cockpit.look)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open the trace of a call."""
        event.stop()
        self.cockpit.open(f"trace {as_text(event.row.get('request_id'))}")

    def _known(self, name: str, value: str) -> str:
        """Return what the gateway calls it: a key may be typed by its name."""
        for call in self._board.calls if name == "key" else ():
            if call.get("key_name") == value:
                return as_text(call.get("key_id")) or value
        return value
