"""What the list of keys and the screen of one key can do to keys; only with ``--write``."""

from collections.abc import Callable, Sequence

from prismctl.errors import UsageProblem
from prismctl.jsontext import Object, as_text
from prismctl.tui import keys
from prismctl.tui.board import Board
from prismctl.tui.pane import Change, Cockpit, Pane
from prismctl.tui.registry import KEYS_PATH
from prismctl.tui.screens import answers, changing, key_changes, key_rows
from prismctl.tui.widgets.form import Values
from prismctl.tui.widgets.once import Once


class KeyPane(Pane):
    """A screen about keys."""

    BINDINGS = keys.bindings("keys")

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.board = Board()

    @property
    def chosen(self) -> Sequence[Object]:
        """The keys that are to be changed."""
        return ()

    def changed(self) -> None:
        """Told that all that was chosen was changed."""

    @property
    def known(self) -> Sequence[Object]:
        """All keys."""
        return answers.rows(self.board, KEYS_PATH) or ()

    def action_create_key(self) -> None:
        """Make a key."""
        changing.fill(
            self.app,
            self.cockpit,
            "New key",
            key_changes.CREATE,
            lambda given: self._with_secret(key_changes.create(given)),
        )

    def action_credit(self) -> None:
        """Add credits."""
        try:
            chosen = key_changes.prepaid(self.chosen)
        except UsageProblem as error:
            self._refuse(error)
            return
        whose = key_rows.name_of(chosen[0]) if len(chosen) == 1 else f"{len(chosen):,} keys"
        word, look = self._word, self.cockpit.look

        def change(given: Values) -> Change:
            made = key_changes.credit(chosen, given, word, look)
            return self._reported(made, "credits added")

        changing.fill(self.app, self.cockpit, f"Add credits to {whose}", key_changes.CREDIT, change)

    def action_block(self) -> None:
        """Block."""
        self._ask(
            lambda: key_changes.status(self.chosen, "blocked", self._word, self.cockpit.look),
            "blocked",
        )

    def action_unblock(self) -> None:
        """Unblock."""
        self._ask(
            lambda: key_changes.status(self.chosen, "active", self._word, self.cockpit.look),
            "active again",
        )

    def action_revoke(self) -> None:
        """Revoke."""
        self._ask(lambda: key_changes.revoke(self.chosen, self._word, self.cockpit.look), "revoked")

    def _ask(self, change: Callable[[], Change], done: str) -> None:
        try:
            made = change()
        except UsageProblem as error:
            self._refuse(error)
            return
        self.cockpit.ask(self._reported(made, done))

    def _refuse(self, error: UsageProblem) -> None:
        hint = f"\n{error.hint}" if error.hint else ""
        self.cockpit.say(f"{error.message}{hint}", tone="warn")

    def _word(self, key: Object) -> str:
        return key_rows.word(key, self.known)

    def _reported(self, change: Change, done: str) -> Change:
        def then(answer: Object) -> None:
            if changing.report(self.app, self.cockpit, done, key_rows.name_of, answer):
                self.changed()

        return changing.told(change, then)

    def _with_secret(self, change: Change) -> Change:
        def then(answer: Object) -> None:
            secret, name = as_text(answer.get("key")), as_text(answer.get("name"))
            why = "Its secret, shown this once: prism keeps only a digest of it."
            if secret:
                self.app.push_screen(Once(f"{name}: made", why, secret, self.cockpit.look))

        return changing.told(change, then)
