"""Log lines on stderr: JSON for machines, one readable line for people.

What is worth a warning can be told to somebody in the process, too.
"""

import asyncio
import contextlib
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from types import TracebackType

from prismd.kernel import clock

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

TOLD_PER_S = 20
MAX_TOLD_CHARS = 2_000

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """One line per record for people; what a client or vendor said cannot begin another."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """Write a record's line, control characters escaped."""
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # the library's name
        """Write a traceback, indented: an exception's text may be a client's, too."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"    {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "ts": clock.iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str, form: str) -> None:
    """Send all log records to stderr; may be called again when the configuration changes."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler, *(each for each in root.handlers if isinstance(each, Teller))]
    root.setLevel(LEVELS[level])
    for noisy in ("httpx2", "httpcore2", "watchfiles", "asyncio"):
        logging.getLogger(noisy).setLevel(max(LEVELS[level], logging.WARNING))
    # It warns of every malformed request: whoever sends them must not fill the log.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


class Teller(logging.Handler):
    """Tell of warnings and worse, at most ``TOLD_PER_S`` of a second. Logging never waits for it.

    It may be given a record in any thread, also by code that what it tells runs: the loop is asked
    to tell later.
    """

    def __init__(self, tell: Callable[[dict[str, object]], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._second = 0
        self._count = 0
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            second = int(record.created)
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            if self._count > TOLD_PER_S:
                self._left_out += 1
                return
            body = {
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _line(record),
                "left_out": self._left_out,
            }
            self._left_out = 0
            with contextlib.suppress(RuntimeError):  # the loop is over
                self._loop.call_soon_threadsafe(self._tell, body)
        except Exception:  # noqa: BLE001  # as every handler has it: a log line must not fail
            self.handleError(record)


@contextlib.contextmanager
def told(tell: Callable[[dict[str, object]], None]) -> Iterator[None]:
    """Tell of warnings and worse on the running loop while the body runs."""
    teller, root = Teller(tell), logging.getLogger()
    root.addHandler(teller)
    try:
        yield
    finally:
        root.removeHandler(teller)


def _line(record: logging.LogRecord) -> str:
    """Return what a record says on one line; of an exception its kind: its text is in the log."""
    said = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        said = f"{said} ({record.exc_info[0].__name__})"
    line = _escaped(said[:MAX_TOLD_CHARS]).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= MAX_TOLD_CHARS else f"{line[: MAX_TOLD_CHARS - 1]}…"
