"""The question before a change: what will be different, and the equal commands."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from prismctl.output import safe
from prismctl.output.human import Look
from prismctl.tui import look as looks

MAX_LINES, MAX_COMMANDS = 8, 3


class Confirm(ModalScreen[bool]):
    """Returns whether ``y`` was pressed, or the word typed; anything else that ends it is a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "Yes"),
        ("n", "answer(False)", "No"),
        ("escape", "answer(False)", "No"),
        ("enter", "answer(False)", "No"),
    ]

    def __init__(
        self,
        title: str,
        lines: Sequence[str],
        commands: Sequence[str],
        look: Look,
        *,
        is_final: bool,
        typed: str = "",
    ) -> None:
        super().__init__()
        self._heading, self._lines, self._commands = title, lines, commands
        self._look, self._is_final = look, is_final
        self._wanted = safe.line(typed)
        self._line = Input(compact=True, select_on_focus=False)

    def compose(self) -> ComposeResult:
        """Title, what changes, command, keys."""
        with Vertical(id="box") as box:
            box.border_title = looks.text(self._heading)
            yield Static(looks.lines(self._said()), markup=False)
            if self._wanted:
                yield self._line
                keys = looks.line(("enter", "bad"), " do it    ", ("esc", "accent"), " no")
            else:
                keys = looks.line(("y", "bad"), " yes, do it    ", ("n", "accent"), " no")
            yield Static(keys, markup=False, id="keys")

    def _said(self) -> list[Content]:
        dot = looks.glyphs(self._look).dot
        rows = [looks.text(f"{dot} {line}") for line in self._lines[:MAX_LINES]]
        if (rest := len(self._lines) - MAX_LINES) > 0:
            rows.append(looks.text(f"  and {rest:,} more", "dim"))
        if self._is_final:
            rows += [looks.text(""), looks.text("This cannot be undone.", "bad")]
        rows.append(looks.text(""))
        rows += [looks.text(f"$ {one}", "dim") for one in self._commands[:MAX_COMMANDS]]
        if (rest := len(self._commands) - MAX_COMMANDS) > 0:
            rows.append(looks.text(f"  and {rest:,} more", "dim"))
        rows.append(looks.text(""))
        if self._wanted:
            rows.append(looks.line("Type ", (self._wanted, "bold"), " to go on:"))
        return rows

    def on_mount(self) -> None:
        """Take the keyboard."""
        if self._wanted:
            self._line.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Agree if it is the word."""
        event.stop()
        if event.value.strip() == self._wanted:
            self.dismiss(result=True)
        else:
            self._line.add_class("-wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the blame back."""
        event.stop()
        self._line.remove_class("-wrong")

    def on_click(self, event: events.Click) -> None:
        """Stay: a click beside a button that is not there decides nothing."""
        event.stop()

    def action_answer(self, is_agreed: bool) -> None:
        """Answer."""
        self.dismiss(is_agreed)
