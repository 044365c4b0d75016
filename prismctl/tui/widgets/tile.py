"""A number that is watched: its name in the border, the number, and its last minutes under it."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from prismctl.output.human import Look
from prismctl.tui import look as looks
from prismctl.tui.widgets import chart


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


class Tile(Static):
    """One number. As high as it is, so high is the chart."""

    def __init__(self, title: str) -> None:
        super().__init__(markup=False)
        self.border_title = looks.text(title)

    def show(self, reading: Reading, look: Look) -> None:
        """Draw it."""
        width, height = self.content_size.width, self.content_size.height
        if width <= 0 or height <= 0:
            return
        number = looks.line((reading.number, reading.number_tone), " ", (reading.unit, "dim"))
        aside = reading.aside or Content("")
        room = width - number.cell_length
        rows = [number]
        if aside.cell_length < room:
            rows = [number + aside.pad_left(room - aside.cell_length)]
        if height > 1:
            rows.append(
                chart.sparkline(
                    reading.history,
                    width,
                    look,
                    height=height - 1,
                    tone=reading.tone,
                    top=reading.top,
                )
            )
        self.update(looks.lines(rows))
