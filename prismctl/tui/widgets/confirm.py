"""The question before a change: what will be different, and the equal command."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from prismctl.output.human import Look
from prismctl.tui import look as looks


class Confirm(ModalScreen[bool]):
    """Returns whether ``y`` was pressed; anything else that ends it is a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "Yes"),
        ("n", "answer(False)", "No"),
        ("escape", "answer(False)", "No"),
        ("enter", "answer(False)", "No"),
    ]

    def __init__(
        self, title: str, lines: list[str], command: str, look: Look, *, is_final: bool
    ) -> None:
        super().__init__()
        self._heading, self._lines, self._command = title, lines, command
        self._look, self._is_final = look, is_final

    def compose(self) -> ComposeResult:
        """Title, what changes, command, keys."""
        dot = looks.glyphs(self._look).dot
        rows = [looks.text(f"{dot} {line}") for line in self._lines]
        if self._is_final:
            rows += [looks.text(""), looks.text("This cannot be undone.", "bad")]
        rows += [looks.text(""), looks.text(f"$ {self._command}", "dim"), looks.text("")]
        rows.append(looks.line(("y", "bad"), " yes, do it    ", ("n", "accent"), " no"))
        with Vertical(id="box") as box:
            box.border_title = looks.text(self._heading)
            yield Static(looks.lines(rows), markup=False)

    def action_answer(self, is_agreed: bool) -> None:
        """Answer."""
        self.dismiss(is_agreed)
