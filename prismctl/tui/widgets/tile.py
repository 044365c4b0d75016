"""A number that is watched: its name in the border, the number, and its last minutes under it."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui.widgets import chart
from prismctl.tui.widgets.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a tile shows."""

    number: str
    unit: str = ""
    aside: Content | None = None
    """At the right of the line."""
    history: Sequence[float] = ()
    tone: str = "accent"
    """Of the history."""
    number_tone: str = "number"
    top: float = 0.0
    """What a full column means at least."""


class Tile(Sheet):
    """One number. As high as it is, so high is the chart."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.border_title = looks.text(title)

    def read(self, reading: Reading, look: Look) -> None:
        """Draw it."""
        self.show(lambda width, height: _drawn(reading, look, width, height))


def _drawn(reading: Reading, look: Look, width: int, height: int) -> Content:
    number = looks.line((reading.number, reading.number_tone), " ", (reading.unit, "dim"))
    aside, room = reading.aside, width - number.cell_length
    if aside is not None and aside.cell_length < room:
        number = number + aside.pad_left(room - aside.cell_length)
    if height <= 1:
        return number
    history = chart.sparkline(
        reading.history, width, look, height=height - 1, tone=reading.tone, top=reading.top
    )
    return looks.lines([number, history])
