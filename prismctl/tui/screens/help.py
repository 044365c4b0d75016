"""All keys, from their table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from prismctl.tui import keys, palette, registry
from prismctl.tui import look as looks
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Pane

_TITLES = {
    "rows": "In a table",
    "subject": "The object under the cursor",
    "everywhere": "Everywhere",
}
_WIDTH = 12


class Help(Pane):
    """The keys of every context, and the commands."""

    contexts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._text = Static(markup=False)
        self._width = 0

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        with VerticalScroll() as box:
            box.border_title = looks.line(("Keys", "bold"))
            yield self._text

    @property
    def command(self) -> tuple[str, ...]:
        """What explains the command."""
        return ("dashboard", "--help")

    def show(self, board: Board) -> None:
        """Draw the keys; in two columns where there is room."""
        del board
        width = self._text.size.width
        if width <= 0 or width == self._width:
            return
        self._width = width
        blocks = [
            self._keys(context) for context in dict.fromkeys(key.context for key in keys.TABLE)
        ]
        blocks.append(self._commands())
        if width < 100:  # noqa: PLR2004 - cells
            self._text.update(looks.lines([row for block in blocks for row in block]))
            return
        rows = [row for block in blocks for row in block]
        # The right column begins at the block that is nearest to the middle.
        middle, left = len(rows) / 2, 0
        for block in blocks:
            if left + len(block) / 2 > middle:
                break
            left += len(block)
        half, look = width // 2, self.cockpit.look
        pairs: list[Content] = []
        for at in range(max(left, len(rows) - left)):
            one = rows[at] if at < left else Content("")
            two = rows[left + at] if left + at < len(rows) else Content("")
            pairs.append(looks.fitted(one, half - 2, look) + "  " + looks.fitted(two, half, look))
        self._text.update(looks.lines(pairs))

    def _keys(self, context: str) -> list[Content]:
        rows = [looks.text(_TITLES.get(context, context.title()), "accent")]
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
