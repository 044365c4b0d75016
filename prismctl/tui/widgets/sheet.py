"""Text that is drawn for the room it has, at the moment it is drawn."""

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

Draw = Callable[[int, int], Content]
"""Given width and height in cells; no height while it is asked how high it wants to be."""


class Sheet(Widget):
    """Show it how to draw. It needs no event to know its size, and so never misses one."""

    def __init__(self) -> None:
        super().__init__()
        self._draw: Draw = lambda _width, _height: Content("")

    def show(self, draw: Draw) -> None:
        """Draw so from now on."""
        self._draw = draw
        self.refresh(layout=self.styles.is_auto_height)

    def render(self) -> Content:
        """Draw in the room there is."""
        return self._draw(*self.size)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how high the text is in this width."""
        del container, viewport
        return max(1, self._draw(width, 0).get_height({}, width))
