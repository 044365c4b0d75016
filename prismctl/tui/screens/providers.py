"""Who serves the models, and how well; under the table, the last minutes of the row's provider."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content

from prismctl.jsontext import Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui.board import HEALTH_PATH, Board
from prismctl.tui.pane import Cockpit, Pane, Subject, subject_at
from prismctl.tui.screens import answers, provider_rows
from prismctl.tui.widgets.resource_table import ResourceTable
from prismctl.tui.widgets.sheet import Sheet
from prismctl.tui.widgets.tile import Tile


class Providers(Pane):
    """The third screen."""

    contexts: ClassVar[tuple[str, ...]] = ("rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._board = Board()
        self._table = ResourceTable(provider_rows.PROVIDERS, "Providers", cockpit.look)
        self._tiles = {name: Tile(name) for name in ("Calls", "Errors", "Total time", "Spend")}
        self._sheet = Sheet()

    def compose(self) -> ComposeResult:
        """The table, and what is known of the row under the cursor."""
        with Vertical():
            yield self._table
            with Grid(classes="tiles"):
                yield from self._tiles.values()
            with Vertical(classes="facts") as box:
                box.border_title = looks.text("Provider")
                yield self._sheet

    @property
    def table(self) -> ResourceTable:
        """The providers."""
        return self._table

    @property
    def subject(self) -> Subject | None:
        """The provider under the cursor."""
        return subject_at(self._table, provider_rows.PROVIDER)

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        return ("providers", "health")

    def show(self, board: Board) -> None:
        """Draw the board."""
        self._board = board
        rows = provider_rows.rows(board)
        is_waiting = not rows and board.body(HEALTH_PATH) is None
        self._table.note = "calls of the last 5 minutes"
        self._table.problem = answers.problem(board, HEALTH_PATH)
        self._table.show(None if is_waiting else rows, self.cockpit.look)
        self._show_row()

    def _show_row(self) -> None:
        row, look = self._table.row or {}, self.cockpit.look
        name = as_text(row.get("id"))
        for title, reading in provider_rows.readings(self._board, name).items():
            self._tiles[title].read(reading, look)
        self._sheet.show(lambda width, _: looks.lines(_about(row, width, look)))

    def on_resource_table_moved(self, event: ResourceTable.Moved) -> None:
        """Show what is known of the row."""
        event.stop()
        self._show_row()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open a provider."""
        event.stop()
        self.cockpit.open(f"provider {as_text(event.row.get('id'))}")


def _about(row: Object, width: int, look: Look) -> list[Content]:
    """Draw three lines about a provider."""
    if not row:
        return [Content("")]
    return [
        looks.fitted(
            looks.line(
                looks.state(as_text(row.get("state")), look),
                (f"  {as_text(row.get('id'))}  ", "bold"),
                (kind(row, look), "dim"),
                f"  {human.plain(row.get('title'), look)}",
            ),
            width,
            look,
        ),
        looks.fitted(
            looks.line(("url    ", "dim"), human.plain(row.get("base_url"), look) or "-"),
            width,
            look,
        ),
        looks.fitted(looks.line(("error  ", "dim"), last_error(row, look)), width, look),
    ]


def kind(row: Object, look: Look) -> str:
    """Write what kind of provider it is."""
    models = row.get("models")
    parts = [human.plain(row.get("type"), look)]
    if models is not None:
        parts.append(f"{human.number(models, look)} models")
    if row.get("is_local"):
        parts.append("on this machine")
    return f" {looks.glyphs(look).dot} ".join(part for part in parts if part)


def last_error(row: Object, look: Look) -> Content:
    """Write the last error, and how long ago that was."""
    error = human.plain(row.get("last_error"), look)
    if not error:
        return looks.text("none in the last 5 minutes", "dim")
    return looks.line((f"{human.when(row.get('last_error_time'), look)}  ", "dim"), (error, "red"))
