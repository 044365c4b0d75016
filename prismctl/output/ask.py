"""Questions to the person at the terminal; never asked where nobody can answer."""

import sys
from typing import TYPE_CHECKING

from prismctl.errors import Interrupted, PrismctlError, UsageProblem
from prismctl.output import safe

if TYPE_CHECKING:
    from prismctl.output.tty import Terminal


def confirm(question: str, *, is_asking: bool, is_agreed: bool) -> None:
    """Return if the person agrees.

    Args:
        question: One line; ``[y/N]`` is added.
        is_asking: Whether there is somebody to ask.
        is_agreed: Whether ``--yes`` was given.

    Raises:
        UsageProblem: nobody can be asked, and ``--yes`` was not given.
        PrismctlError: the answer is no.
    """
    if is_agreed:
        return
    if not is_asking:
        msg = f"{question}: this needs to be confirmed, and there is no terminal to ask on"
        raise UsageProblem(msg, hint="add --yes if you are sure")
    if _read(f"{safe.line(question)}? [y/N] ").strip().lower() not in ("y", "yes"):
        msg = "nothing was changed"
        raise PrismctlError(msg)


def typed(name: str, what: str, *, is_asking: bool, terminal: "Terminal") -> None:
    """Return if the person types a name in full.

    Args:
        name: What must be typed.
        what: What would be done, one line.
        is_asking: Whether there is somebody to ask.
        terminal: Shows it in red, if it has colours.

    Raises:
        UsageProblem: nobody can be asked.
        PrismctlError: something else was typed.
    """
    if not is_asking:
        msg = f"{what}: it is protected, and there is no terminal to ask on"
        raise UsageProblem(msg, hint=f"add --yes-protected {name} if you are sure")
    glyph = "▲" if terminal.is_unicode else "!"
    sys.stderr.write(
        terminal.paint_err(f"{glyph} PROTECTED: {safe.line(what)}", "red", "bold") + "\n"
    )
    if _read(f"Type {safe.line(name)} to go on: ").strip() != name:
        msg = "nothing was changed"
        raise PrismctlError(msg)


def secret(what: str) -> str:
    """Ask for a secret without showing it."""
    import getpass

    try:
        return getpass.getpass(f"{what}: ").strip()
    except (EOFError, KeyboardInterrupt):
        sys.stderr.write("\n")
        raise Interrupted("interrupted") from None


def _read(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise Interrupted("interrupted") from None
    if not answer:
        sys.stderr.write("\n")
    return answer
