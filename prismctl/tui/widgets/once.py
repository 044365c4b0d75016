"""A window for a text that is shown this once: it can be copied, and is kept nowhere."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from prismctl.output.human import Look
from prismctl.tui import look as looks


class Once(ModalScreen[None]):
    """``c`` copies it; leaving without a copy has to be meant."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy"),
        Binding("escape,q,enter", "leave", "Leave"),
    ]

    def __init__(self, title: str, why: str, secret: str, look: Look) -> None:
        super().__init__()
        self._heading, self._why, self._secret, self._look = title, why, secret, look
        self._may_leave = False
        self._said = Static("", id="said", markup=False)

    def compose(self) -> ComposeResult:
        """What it is, the text, keys."""
        with Vertical(id="box") as box:
            box.border_title = looks.text(self._heading)
            yield Static(looks.text(self._why), markup=False)
            yield Static(looks.text(self._secret, "good"), markup=False, id="secret")
            yield self._said
            keys = looks.line(("c", "accent"), (" copy    ", "dim"), ("esc", "accent"), " close")
            yield Static(keys, markup=False, id="keys")

    def action_copy(self) -> None:
        """Copy it, through the terminal."""
        self.app.copy_to_clipboard(self._secret)
        self._may_leave = True
        self._tell("ok", "copied, if your terminal allows it: paste it before you close this", "")

    def action_leave(self) -> None:
        """Leave; the first time without a copy only ask."""
        if self._may_leave:
            self.dismiss()
            return
        self._may_leave = True
        self._tell("warning", "not copied yet: esc again closes it, and it is gone", "yellow")

    def _tell(self, word: str, words: str, tone: str) -> None:
        sign = looks.state(word, self._look)[:1]
        self._said.update(sign + looks.text(f" {words}", tone))
