"""A window that asks for values, a line each.

It stays, with all that was typed, until it is told that what it was for is done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from prismctl.errors import PrismctlError, UsageProblem
from prismctl.output.human import Look
from prismctl.tui import look as looks


def anything(text: str) -> object:
    """Read a text that may be any."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value."""

    name: str
    label: str
    example: str = ""
    """Shown while it is empty."""
    read: Callable[[str], object] = anything
    """Raises ``UsageProblem`` where the text cannot be read."""
    is_needed: bool = False
    value: str = ""
    """What stands there at first."""


Values = Mapping[str, str]
"""What was typed, by the names of the fields; only what is not empty."""


class Form(ModalScreen[None]):
    """``submit`` is called with values that can be read; it may raise ``UsageProblem``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("down", "app.focus_next", "Next"),
        Binding("up", "app.focus_previous", "Previous"),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], submit: Callable[[Values], None], look: Look
    ) -> None:
        super().__init__()
        self._heading, self._fields, self._submit = title, fields, submit
        self._look = look
        self._lines = {
            field.name: Input(
                field.value, placeholder=field.example, compact=True, select_on_focus=False
            )
            for field in fields
        }
        self._said = Static("", id="said", markup=False)

    def compose(self) -> ComposeResult:
        """A line per field, what is wrong, keys."""
        with Vertical(id="box") as box:
            box.border_title = looks.text(self._heading)
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(looks.text(field.label, "dim"), markup=False)
                    yield self._lines[field.name]
            yield self._said
            yield Static(
                looks.line(
                    ("enter", "accent"), (" go on    ", "dim"), ("tab", "accent"),
                    (" next    ", "dim"), ("esc", "accent"), (" leave", "dim"),
                ),
                markup=False,
                id="keys",
            )  # fmt: skip

    def on_mount(self) -> None:
        """Begin with the first line that is empty."""
        empty = [line for line in self._lines.values() if not line.value]
        (empty or list(self._lines.values()))[0].focus()

    @property
    def values(self) -> dict[str, str]:
        """What was typed."""
        texts = {name: line.value.strip() for name, line in self._lines.items()}
        return {name: text for name, text in texts.items() if text}

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Check everything, and hand it over."""
        event.stop()
        values = self.values
        for field in self._fields:
            try:
                self._check(field, values)
            except UsageProblem as error:
                self.refuse(error)
                self._lines[field.name].focus()
                return
        try:
            self._submit(values)
        except UsageProblem as error:
            self.refuse(error)

    @staticmethod
    def _check(field: Field, values: Values) -> None:
        if field.name in values:
            field.read(values[field.name])
        elif field.is_needed:
            msg = f"{field.label} is needed"
            raise UsageProblem(msg)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the blame back."""
        event.stop()
        self._said.update("")

    def refuse(self, error: PrismctlError) -> None:
        """Say what is wrong; nothing that was typed is lost."""
        cross = looks.state("failed", self._look).plain.partition(" ")[0]
        rows = [looks.text(f"{cross} {error.message}", "bad")]
        if error.hint:
            rows.append(looks.text(f"  {error.hint}", "dim"))
        self._said.update(looks.lines(rows))

    def action_leave(self) -> None:
        """Leave; nothing is changed."""
        self.dismiss()
