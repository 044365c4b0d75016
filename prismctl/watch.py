"""``--watch``: a command that only looks, run again and again until Ctrl-C.

In a terminal its answer is drawn in place; in a pipe, and with ``-o jsonl`` in a terminal too (for
screen readers), each object that has changed is a line of JSON. A gateway that is away for a while
is said, and waited for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prismctl import clock
from prismctl.errors import CheckFailed, PrismctlError, UsageProblem
from prismctl.output.redraw import Redraw
from prismctl.output.render import Captured, Format

if TYPE_CHECKING:
    from prismctl.session import Session

_LOOKS = frozenset(
    (
        *("list", "get", "show", "status", "health", "doctor", "report", "explain", "check"),
        *("statement", "accounts", "postings", "holds", "history"),
    )
)
"""Verbs that change nothing, whatever their noun is."""
_IN_A_PIPE = (Format.TABLE, Format.JSON, Format.JSONL)


def watch(
    session: "Session", verb: str, path: str, every_s: float, run: Callable[[], object]
) -> None:
    """Run a command until somebody ends it.

    Args:
        session: The run of the program.
        verb: The name of the command, without its noun.
        path: Its whole name.
        every_s: How long it waits between two looks.
        run: Runs it once.

    Raises:
        UsageProblem: it changes something, or its format is none of lines.
        PrismctlError: it fails the first time: what it asks for is not there to be watched.
    """
    if verb not in _LOOKS:
        msg = f"`{path}` does not only look: it cannot be watched"
        raise UsageProblem(msg)
    form = session.flags.output
    if session.terminal.is_out_tty and form is not Format.JSONL:
        shower: _Picture | _Changes = _Picture(session, path, every_s)
    elif form in _IN_A_PIPE:
        session.flags.output = Format.JSONL
        shower = _Changes(session)
    else:
        msg = f"--watch writes lines of JSON in a pipe: not -o {form}"
        raise UsageProblem(msg, hint="-o jsonl, or leave -o out")
    is_first = True
    while True:
        captured = Captured()
        session.look_again(captured)
        problem: PrismctlError | None = None
        try:
            run()
        except PrismctlError as error:
            if is_first and not isinstance(error, CheckFailed):
                session.look_again()
                raise
            problem = error
        is_first = False
        shower.show(captured, problem)
        clock.sleep(every_s)


class _Picture:
    """A screen that shows the newest answer."""

    def __init__(self, session: "Session", path: str, every_s: float) -> None:
        self._session = session
        self._name = (path, f"every {every_s:g} s")
        self._last = ""
        session.look_again()
        self._redraw = Redraw(session.out.stream)

    def show(self, captured: Captured, problem: PrismctlError | None) -> None:
        """Draw an answer; without one the last stays, under what is wrong."""
        terminal, look = self._session.terminal, self._session.out.look
        dot = " · " if look.is_unicode else "  "
        head = dot.join((*self._name, look.now.strftime("%H:%M:%S UTC")))
        if problem is None or isinstance(problem, CheckFailed):
            self._last = "".join((*captured.data, *captured.remarks))
        if problem is not None:
            captured.remarks.clear()
            self._session.out.error(problem)
            said = "".join(captured.remarks)
        else:
            said = ""
        self._redraw.draw(f"{terminal.paint_out(head, 'dim')}\n{said}{self._last}", terminal)


class _Changes:
    """Lines of what is new since the answer before."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._lines: frozenset[str] = frozenset()
        self._remarks = ""

    def show(self, captured: Captured, problem: PrismctlError | None) -> None:
        """Write what has changed."""
        if problem is not None:
            self._session.out.error(problem)
        lines = "".join(captured.data).splitlines(keepends=True)
        new = [line for line in lines if line not in self._lines]
        if problem is None or lines:
            self._lines = frozenset(lines)
        remarks = "".join(captured.remarks)
        self._session.look_again()
        if new:
            self._session.out.stream("".join(new))
        if remarks != self._remarks:
            self._session.out.remark(remarks)
        self._remarks = remarks
