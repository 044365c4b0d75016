"""A line that says that something goes on, and for how long; gone when it is done."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal

FIRST_S = 0.5
"""What takes no longer than this is not worth a word."""
_EVERY_S = 0.1
_UNICODE, _ASCII = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_CLEAR = "\r\x1b[K"


class Waiting:
    """Shows a line on a terminal from half a second on until the block ends.

    Args:
        what: What goes on, in a few words of our own.
        terminal: Where it is shown.
        write: Writes to it at once.
    """

    def __init__(self, what: str, terminal: "Terminal", write: Callable[[str], None]) -> None:
        self._what = what
        self._terminal = terminal
        self._write = write
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)

    def __enter__(self) -> None:
        """Begin to count."""
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self.stop()

    def stop(self) -> None:
        """Clear the line, before the block ends: somebody is asked something."""
        self._done.set()
        self._thread.join()

    def _turn(self) -> None:
        started_s = time.monotonic()
        if self._done.wait(FIRST_S):
            return
        marks = _UNICODE if self._terminal.is_unicode else _ASCII
        turn = 0
        while True:
            elapsed_s = int(time.monotonic() - started_s)
            line = f"{marks[turn % len(marks)]} {self._what}, {elapsed_s} s"
            self._write(_CLEAR + self._terminal.paint_err(line[: self._terminal.width], "dim"))
            turn += 1
            if self._done.wait(_EVERY_S):
                self._write(_CLEAR)
                return
