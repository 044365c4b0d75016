"""All keys, from their table."""

from itertools import zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from prismctl.tui import keys, palette, registry
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.key_table import TABLE, TITLES
from prismctl.tui.pane import Cockpit, Pane
from prismctl.tui.widgets.sheet import Sheet

_WIDTH, _TWO_COLUMNS = 12, 100
"""Cells."""


class Help(Pane):
    """The keys of every context, and the commands."""

    contexts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._sheet = Sheet()

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        with VerticalScroll() as box:
            box.border_title = looks.line(("Keys", "bold"))
            yield self._sheet

    @property
    def command(self) -> tuple[str, ...]:
        """What explains the command."""
        return ("dashboard", "--help")

    def show(self, board: Board) -> None:
        """Draw the keys, if they are not there."""
        del board
        self._sheet.show(lambda width, _: self._drawn(width))

    def _drawn(self, width: int) -> Content:
        """Draw the keys; in two columns where there is room."""
        blocks = [self._keys(name) for name in dict.fromkeys(key.context for key in TABLE)]
        blocks.append(self._commands())
        rows = [row for block in blocks for row in block]
        if width < _TWO_COLUMNS:
            return looks.lines(rows)
        left = 0
        # The right column begins at the block that is nearest to the middle.
        for block in blocks:
            if left + len(block) / 2 > len(rows) / 2:
                break
            left += len(block)
        half, look = width // 2, self.cockpit.look
        pairs = [
            looks.fitted(one, half - 2, look) + "  " + looks.fitted(two, half, look)
            for one, two in zip_longest(rows[:left], rows[left:], fillvalue=Content(""))
        ]
        return looks.lines(pairs)

    def _keys(self, context: str) -> list[Content]:
        rows = [looks.text(TITLES.get(context, context), "accent")]
        keymap = getattr(self.cockpit, "settings", None)
        for key in keys.of((context,), is_writing=self.cockpit.is_writing):
            pressed = keys.shown(key, keymap.keymap if keymap else {}, is_whole=True)
            rows.append(looks.line((f"  {pressed:<{_WIDTH}}", "bold"), (key.help, "")))
        return [*rows, Content("")]

    def _commands(self) -> list[Content]:
        rows = [looks.text("After :", "accent")]
        rows += [
            looks.line((f"  {entry.name:<{_WIDTH}}", "bold"), entry.help)
            for entry in registry.SCREENS
        ]
        for command in palette.COMMANDS:
            more = f": {', '.join(command.arguments)}" if command.arguments else ""
            rows.append(
                looks.line((f"  {command.name:<{_WIDTH}}", "bold"), f"{command.help}{more}")
            )
        return rows
