"""What the terminal can do, found out once: is it one, colour, width, glyphs; and the pager."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TextIO

Color = Literal["auto", "always", "never"]

DEFAULT_WIDTH = 80
DEFAULT_HEIGHT = 24

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The three streams and how they may be written to. Width and height in characters."""

    is_in_tty: bool
    is_out_tty: bool
    is_err_tty: bool
    is_out_colored: bool
    is_err_colored: bool
    is_unicode: bool
    width: int
    height: int

    def paint_out(self, text: str, *styles: str) -> str:
        """Return the text in the given styles if stdout shows colour."""
        return _paint(text, styles) if self.is_out_colored else text

    def paint_err(self, text: str, *styles: str) -> str:
        """Return the text in the given styles if stderr shows colour."""
        return _paint(text, styles) if self.is_err_colored else text


def detect(color: Color, env: Mapping[str, str]) -> Terminal:
    """Look at the streams and the environment."""
    is_out_tty, is_err_tty = sys.stdout.isatty(), sys.stderr.isatty()
    size = _size()
    return Terminal(
        is_in_tty=sys.stdin.isatty(),
        is_out_tty=is_out_tty,
        is_err_tty=is_err_tty,
        is_out_colored=_is_colored(color, env, is_tty=is_out_tty),
        is_err_colored=_is_colored(color, env, is_tty=is_err_tty),
        is_unicode=_is_unicode(sys.stdout),
        width=size[0],
        height=size[1],
    )


def _is_colored(color: Color, env: Mapping[str, str], *, is_tty: bool) -> bool:
    """Decide: the flag, then NO_COLOR (no-color.org), then CLICOLOR_FORCE, then the terminal."""
    if color != "auto":
        return color == "always"
    if env.get("NO_COLOR"):
        return False
    if env.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return is_tty and env.get("TERM") != "dumb"


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def _size() -> tuple[int, int]:
    # Not shutil.get_terminal_size: it asks only the first stdout, which may be a pipe.
    try:
        columns, lines = int(os.environ.get("COLUMNS", "")), int(os.environ.get("LINES", ""))
    except ValueError:
        columns = lines = 0
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if columns > 0:
            break
        try:
            columns, lines = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            continue
    return columns or DEFAULT_WIDTH, lines or DEFAULT_HEIGHT


def _paint(text: str, styles: tuple[str, ...]) -> str:
    codes = ";".join(_SGR[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text


def page(text: str, env: Mapping[str, str]) -> bool:
    """Show the text in the person's pager; False if it cannot be started."""
    import shlex
    import subprocess

    command = shlex.split(env.get("PRISMCTL_PAGER") or env.get("PAGER") or "less -FRX")
    if not command or command == ["cat"]:
        return False
    try:
        subprocess.run(  # noqa: S603 - the person's own pager, no shell
            command, input=text.encode(errors="backslashreplace"), check=False
        )
    except OSError:
        return False
    return True
