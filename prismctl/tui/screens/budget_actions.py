"""What the list of budgets and the screen of one can do to budgets; only with ``--write``."""

from collections.abc import Callable, Sequence

from prismctl.jsontext import Object
from prismctl.output.human import Look
from prismctl.tui import keys
from prismctl.tui.board import Board
from prismctl.tui.pane import Change, Cockpit, Pane
from prismctl.tui.registry import KEYS_PATH
from prismctl.tui.screens import answers, budget_changes, budget_rows, changing
from prismctl.tui.widgets.form import Values

_Makes = Callable[[Sequence[Object], Sequence[Object], Look], Change]


class BudgetPane(Pane):
    """A screen about budgets."""

    BINDINGS = keys.bindings("budgets")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.board = Board()

    @property
    def chosen(self) -> Sequence[Object]:
        """The budgets that are to be changed."""
        return ()

    def changed(self) -> None:
        """Told that all that was chosen was changed."""

    @property
    def known_keys(self) -> Sequence[Object]:
        """All keys: budgets name them by their ids."""
        return answers.rows(self.board, KEYS_PATH) or ()

    @property
    def names(self) -> dict[str, str]:
        """The name of each key, by its id."""
        return budget_rows.names_of(self.known_keys)

    def action_create_budget(self) -> None:
        """Make a budget."""
        changing.fill(
            self.app,
            self.cockpit,
            "New budget",
            budget_changes.CREATE,
            lambda given: budget_changes.create(given, self.known_keys),
        )

    def action_change_budget(self) -> None:
        """Change the one under the cursor: of several marked ones, each has another limit."""
        if len(self.chosen) != 1:
            self.cockpit.say("one at a time: unmark the others with esc", tone="warn")
            return
        budget, look = self.chosen[0], self.cockpit.look

        def change(given: Values) -> Change:
            return budget_changes.change(budget, given, self.known_keys, look)

        title = f"Change the {budget_changes.named(budget, self.names, look)}"
        fields = budget_changes.fields_of(budget, look)
        changing.fill(self.app, self.cockpit, title, fields, change)

    def action_reset_budget(self) -> None:
        """Let it begin anew."""
        self._ask(budget_changes.reset, "counts from zero")

    def action_delete_budget(self) -> None:
        """Delete it."""
        self._ask(budget_changes.delete, "deleted")

    def _ask(self, change: _Makes, done: str) -> None:
        chosen, look = self.chosen, self.cockpit.look
        if not chosen:
            self.cockpit.say("there is no budget here", tone="warn")
            return
        names = self.names

        def then(answer: Object) -> None:
            def name(row: Object) -> str:
                return budget_changes.named(row, names, look)

            if changing.report(self.app, self.cockpit, done, name, answer):
                self.changed()

        self.cockpit.ask(changing.told(change(chosen, self.known_keys, look), then))
