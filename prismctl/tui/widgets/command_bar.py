"""The line at the bottom: ``:`` takes a command, ``/`` a filter; it completes, and remembers."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

MAX_HISTORY = 100


class _Completes(Suggester):
    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        found = self._complete(value) if value else ()
        return found[0] if found else None


class BarInput(Input):
    """The text, with ``esc``, history and completion."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "cancel", "Leave"),
        ("up", "older", "Older"),
        ("down", "newer", "Newer"),
        ("tab", "complete", "Complete"),
    ]

    class Cancelled(Message):
        """Escape was pressed."""

    class Recalled(Message):
        """An older or newer line is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def action_cancel(self) -> None:
        """Leave."""
        self.post_message(self.Cancelled())

    def action_older(self) -> None:
        """Recall the line before."""
        self.post_message(self.Recalled(1))

    def action_newer(self) -> None:
        """Recall the line after."""
        self.post_message(self.Recalled(-1))

    def action_complete(self) -> None:
        """Take what completes the text."""
        self.action_end()
        self.action_cursor_right()


class CommandBar(Horizontal):
    """Hidden until it is opened; tells of each letter, of the end, and of a change of mind."""

    class Typed(Message):
        """The text has changed."""

        def __init__(self, prompt: str, words: str) -> None:
            super().__init__()
            self.prompt, self.words = prompt, words

    class Taken(Typed):
        """Enter was pressed."""

    class Left(Typed):
        """Escape was pressed; ``words`` is what stood there when it was opened."""

    def __init__(self, complete: Callable[[str, str], Sequence[str]]) -> None:
        super().__init__()
        self._complete = complete
        self.prompt = ":"
        self._before = ""
        self._history: dict[str, list[str]] = {":": [], "/": []}
        self._place = 0
        self.display = False
        self._sign = Static(":", markup=False)
        self._line = BarInput(
            compact=True,
            select_on_focus=False,
            suggester=_Completes(lambda text: self._complete(self.prompt, text)),
        )

    def compose(self) -> ComposeResult:
        """Sign and text."""
        yield self._sign
        yield self._line

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.display

    def open(self, prompt: str, words: str = "") -> None:
        """Show it, with something typed already."""
        self.prompt, self._before, self._place = prompt, words, 0
        self._sign.update(prompt)
        with self._line.prevent(Input.Changed):
            self._line.value = words
        self._line.cursor_position = len(words)
        self.display = True
        # At once, not in turn: what is typed fast belongs here already.
        self.screen.set_focus(self._line)
        self.post_message(self.Typed(prompt, words))

    def close(self) -> None:
        """Hide it."""
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of a letter."""
        event.stop()
        if self.is_open:
            self.post_message(self.Typed(self.prompt, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tell of the end."""
        event.stop()
        words = event.value.strip()
        history = self._history[self.prompt]
        if words and words not in history[-1:]:
            history.append(words)
            del history[:-MAX_HISTORY]
        self.close()
        self.post_message(self.Taken(self.prompt, words))

    def on_bar_input_cancelled(self) -> None:
        """Tell of a change of mind."""
        self.close()
        self.post_message(self.Left(self.prompt, self._before))

    def on_bar_input_recalled(self, event: BarInput.Recalled) -> None:
        """Show an older or newer line."""
        history = self._history[self.prompt]
        self._place = max(0, min(len(history), self._place + event.step))
        self._line.value = history[-self._place] if self._place else ""
        self._line.cursor_position = len(self._line.value)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Do not stay open behind another widget's back."""
        del event
        if self.is_open and self.app.screen is self.screen:
            self.close()
            self.post_message(self.Left(self.prompt, self._before))
