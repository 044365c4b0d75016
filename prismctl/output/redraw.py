"""A picture of some lines that is drawn again and again, in the same place of the terminal.

Only lines that have changed are written: nothing flickers, and a picture that stays the same costs
nothing. What was above it, and the picture at the end, stay in the terminal's history.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal

_SGR = re.compile(r"(\x1b\[[0-9;]*m)")
_UP, _CLEAR_RIGHT, _CLEAR_BELOW = "\x1b[{}A", "\x1b[K", "\x1b[J"
_CLEAR_ALL = "\x1b[H\x1b[2J"


class Redraw:
    """One picture. ``write`` must send what it is given at once."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: list[str] = []
        self._size: tuple[int, int] | None = None

    def draw(self, text: str, terminal: "Terminal") -> None:
        """Put text in the place of what was drawn before; what does not fit is cut."""
        lines = _fitted(text.splitlines(), terminal)
        size = (terminal.width, terminal.height)
        if self._size not in (None, size):
            # The terminal has wrapped the old lines anew: where they are, nobody knows.
            self._write(_CLEAR_ALL)
            self._lines = []
        self._size = size
        if lines == self._lines:
            return
        pieces = [_UP.format(len(self._lines))] if self._lines else []
        for at, line in enumerate(lines):
            is_same = at < len(self._lines) and self._lines[at] == line
            pieces.append("\n" if is_same else f"{line}{_CLEAR_RIGHT}\n")
        if len(lines) < len(self._lines):
            pieces.append(_CLEAR_BELOW)
        self._write("".join(pieces))
        self._lines = lines


def cut(line: str, width: int) -> str:
    """Return a line that may have colours, cut to so many cells."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(_SGR.sub("", line)) <= width:
        return line
    pieces: list[str] = []
    left = width
    for piece in _SGR.split(line):
        if _SGR.fullmatch(piece):
            pieces.append(piece)
            continue
        shown = piece if cell_len(piece) <= left else set_cell_size(piece, left)
        pieces.append(shown)
        left -= cell_len(shown)
    return "".join(pieces)


def _fitted(lines: list[str], terminal: "Terminal") -> list[str]:
    room = max(1, terminal.height - 1)
    shown = [cut(line, terminal.width) for line in lines]
    if len(shown) <= room:
        return shown
    dots = "…" if terminal.is_unicode else "..."
    left = len(shown) - (room - 1)
    more = cut(f"{dots} {left} more lines", terminal.width)
    return [*shown[: room - 1], terminal.paint_out(more, "dim")]
