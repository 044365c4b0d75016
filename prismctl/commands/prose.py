"""Text for people in sections: a title, lines under it, wrapped to the terminal, tables within."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prismctl.jsontext import Object
from prismctl.output import human, safe, table
from prismctl.output.human import Look
from prismctl.output.table import Column

if TYPE_CHECKING:
    from prismctl.output.render import Output
    from prismctl.output.tty import Terminal

_INDENT = "  "


def wrapped(text: str, room: int) -> list[str]:
    """Break a text at its spaces into lines of so many cells; a word that is wider is cut."""
    from rich.cells import cell_len, chop_cells

    lines: list[str] = []
    for word in text.split():
        parts = [word] if cell_len(word) <= room else chop_cells(word, room)
        for part in parts:
            if lines and cell_len(lines[-1]) + 1 + cell_len(part) <= room:
                lines[-1] += f" {part}"
            else:
                lines.append(part)
    return lines


class Prose:
    """Lines that grow; every text that is put in becomes harmless here."""

    def __init__(self, out: "Output") -> None:
        self.look: Look = replace(out.look, is_people=True)
        """Sentences are for people, in a pipe as well."""
        self.terminal: Terminal = out.terminal
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def title(self, text: str) -> None:
        """Begin a section."""
        self._lines += [""] if self._lines else []
        self._lines.append(self.terminal.paint_out(safe.line(text), "bold"))

    def say(self, text: str, *styles: str) -> None:
        """Add sentences, wrapped."""
        room = max(20, self.terminal.width - len(_INDENT))
        for line in wrapped(safe.line(text), room):
            self._lines.append(_INDENT + self.terminal.paint_out(line, *styles))

    def state(self, state: str, name: str, text: str, *, width: int) -> None:
        """Add a line of a checklist: glyph and word, what, and how it is."""
        cell = human.state(state, self.look)
        shown = self.terminal.paint_out(f"{cell:<{_STATE}}", human.tone(state))
        label = f"{safe.line(name):<{width}}  " if name else ""
        head, used = f"{_INDENT}{shown}  {label}", len(_INDENT) + _STATE + 2 + len(label)
        room = max(20, self.terminal.width - used)
        parts = wrapped(safe.line(text), room) or [""]
        self._lines.append(f"{head}{parts[0]}".rstrip())
        self._lines += [f"{' ' * used}{part}" for part in parts[1:]]

    def fix(self, text: str) -> None:
        """Add what helps against a line of a checklist: on a line of its own, never cut."""
        shown = self.terminal.paint_out(safe.line(text), "cyan")
        self._lines.append(f"{_INDENT}{' ' * _STATE}  fix: {shown}")

    def command(self, text: str) -> None:
        """Add a command to type: on a line of its own, never cut."""
        self._lines.append(f"{_INDENT}{_INDENT}{self.terminal.paint_out(safe.line(text), 'cyan')}")

    def line(self, text: str) -> None:
        """Add a line whose parts are harmless and painted already."""
        self._lines.append(f"{_INDENT}{text}")

    def rows(self, rows: Sequence[Object], columns: Sequence[Column]) -> None:
        """Add a table."""
        narrow = replace(self.terminal, width=self.terminal.width - len(_INDENT))
        text = table.aligned(rows, columns, self.look, narrow, may_leave_out=True)
        self._lines += [f"{_INDENT}{line}" for line in text.splitlines()]


_STATE = 9
"""Width of the longest state with its glyph, ``● skipped``."""
