"""A window over the screen: the JSON of an object, or all its fields."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from prismctl.jsontext import Object, dumps
from prismctl.output import safe, table
from prismctl.output.human import Look
from prismctl.output.table import View
from prismctl.tui import look as looks

MAX_CHARACTERS = 200_000


class Detail(ModalScreen[None]):
    """Scrolls; any of ``esc``, ``q``, ``enter`` closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,v,d", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down"),
        Binding("k,up", "scroll(-1)", "Up"),
        Binding("pagedown,space", "scroll(10)", "Page down"),
        Binding("pageup", "scroll(-10)", "Page up"),
    ]

    def __init__(self, title: str, content: Content) -> None:
        super().__init__()
        self._heading, self._content = title, content

    def compose(self) -> ComposeResult:
        """One box that scrolls."""
        with VerticalScroll(id="box") as box:
            box.border_title = looks.text(self._heading)
            box.border_subtitle = looks.line(("esc", "accent"), (" close", "dim"))
            yield Static(self._content, markup=False)

    def action_scroll(self, lines: int) -> None:
        """Move by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def raw(body: Object) -> Content:
    """Return an object as JSON, its names in a tone."""
    text = safe.in_json(dumps(body, indent=2))
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS] + "\n... cut"
    return Content(text).highlight_regex(r'(?m)^ *"(?:[^"\\]|\\.)*"(?=:)', style="$tone-accent")


def described(body: Object, view: View, look: Look) -> Content:
    """Return the fields of an object that have a value, a line each."""
    texts = table.cells(body, view.columns, look)
    width = max((len(column.title) for column in view.columns), default=0)
    rows: list[Content] = []
    for column, text in zip(view.columns, texts, strict=True):
        if text:
            tone = table.tone_of(body, column)
            rows.append(
                looks.line(
                    (f"{column.title.lower():<{width}}  ", "dim"),
                    (text, tone) if tone in looks.TONES else text,
                )
            )
    return looks.lines(rows)
