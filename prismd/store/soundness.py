"""Is a database file sound? What is looked at before anything is written to it.

A database that was closed well is looked through quickly, and for a few seconds at most. A log that
is left over says that the last process did not end well: then every row and index is compared, as
long as the file is not so large that the start would take minutes.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from prismd.kernel import clock
from prismd.kernel.errors import StorageRefused

QUICK_CHECK_S = 5.0
FULL_CHECK_MAX_BYTES = 1 << 30
"""Takes some 12 s for as much; a quick check takes a seventh of that."""
_STEPS_BETWEEN_LOOKS = 10_000

_LOG_HEADER_BYTES = 32
_LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")

log = logging.getLogger("prism.store")


@contextmanager
def rows_readable(path: Path) -> Iterator[None]:
    """Refuse a database whose rows cannot be read: SQLite does not see what a value means.

    Raises:
        StorageRefused: something within could not be read, or was not what it must be.
    """
    try:
        yield
    except (msgspec.MsgspecError, sqlite3.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        msg = f"{path} holds a row that cannot be used ({reason}); restore a backup"
        raise StorageRefused(msg) from None


def wal_of(path: Path) -> Path:
    """Return where SQLite keeps the log of a database."""
    return path.with_name(f"{path.name}-wal")


def has_wal(path: Path) -> bool:
    """Say whether a log was left over: nobody has closed the database since it was written to."""
    wal = wal_of(path)
    return wal.exists() and wal.stat().st_size > 0


def is_wal_readable(path: Path) -> bool:
    """Say whether a log begins as one does, or has nothing in it.

    SQLite would take a log that does not for an empty one, and lose silently what was committed
    there. No crash leaves such a log: its head is forced to the disk before what follows. Damage
    further in cannot be told from a commit that a crash cut: SQLite reads up to there.
    """
    with wal_of(path).open("rb") as file:
        head = file.read(_LOG_HEADER_BYTES + 1)
    return len(head) <= _LOG_HEADER_BYTES or head.startswith(_LOG_MAGIC)


def fault_in(connection: sqlite3.Connection, path: Path) -> str | None:
    """Look for damage; return the first that is found, in SQLite's words."""
    if has_wal(path) and path.stat().st_size < FULL_CHECK_MAX_BYTES:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    else:
        verdict = _quick_check(connection, path)
    return None if verdict == "ok" else str(verdict)


def _quick_check(connection: sqlite3.Connection, path: Path) -> str:
    deadline_s = clock.monotonic_s() + QUICK_CHECK_S
    connection.set_progress_handler(
        lambda: int(clock.monotonic_s() > deadline_s), _STEPS_BETWEEN_LOOKS
    )
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("%s was not checked to its end: that takes over %g s", path, QUICK_CHECK_S)
        return "ok"
    finally:
        connection.set_progress_handler(None, 0)
    return str(verdict)
