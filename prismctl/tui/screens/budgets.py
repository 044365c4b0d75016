"""How much may be spent, by whom, and whether it lasts; what is tightest first."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from prismctl.commands.budget_views import BUDGET
from prismctl.jsontext import Object, as_text
from prismctl.tui.board import Board
from prismctl.tui.pane import Cockpit, Subject, subject_at
from prismctl.tui.registry import BUDGETS_PATH
from prismctl.tui.screens import answers, budget_rows
from prismctl.tui.screens.budget_actions import BudgetPane
from prismctl.tui.widgets.resource_table import ResourceTable


class Budgets(BudgetPane):
    """The sixth screen."""

    contexts: ClassVar[tuple[str, ...]] = ("budgets", "rows", "subject")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._table = ResourceTable(budget_rows.BUDGETS, "Budgets", cockpit.look)
        self._table.note = "pace: of the window so far"

    def compose(self) -> ComposeResult:
        """The table."""
        yield self._table

    @property
    def table(self) -> ResourceTable:
        """The budgets."""
        return self._table

    @property
    def chosen(self) -> Sequence[Object]:
        """The marked budgets, or the one under the cursor."""
        return self._table.marked

    def changed(self) -> None:
        """Forget the marks."""
        self._table.unmark()

    @property
    def subject(self) -> Subject | None:
        """The budget under the cursor."""
        return subject_at(self._table, BUDGET)

    @property
    def command(self) -> tuple[str, ...]:
        """What shows the same."""
        return ("budgets", "list")

    def show(self, board: Board) -> None:
        """Draw the budgets."""
        self.board = board
        look, rows = self.cockpit.look, answers.rows(board, BUDGETS_PATH)
        self._table.problem = answers.problem(board, BUDGETS_PATH)
        names = self.names
        self._table.show(None if rows is None else budget_rows.arranged(rows, names, look), look)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open a budget."""
        event.stop()
        self.cockpit.open(f"budget {as_text(event.row.get('id'))}")
