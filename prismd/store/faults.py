"""What SQLite's result codes mean to the writer, and what callers are told of them."""

import sqlite3

from prismd.kernel.errors import Overloaded

_BROKEN = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM}
)


class StorageFull(Overloaded):
    """The disk is full; nothing of the write is in the database."""

    code = "storage_full"

    def __init__(self, name: str) -> None:
        super().__init__(f"The disk is full: nothing can be written to {name}. Free some space.")


class StorageLocked(Overloaded):
    """Another program writes to the database; nothing of the write is in it."""

    code = "storage_locked"

    def __init__(self, name: str) -> None:
        msg = f"Another program has locked {name}. Try again in a moment."
        super().__init__(msg, retry_after_s=1)


class StorageFailed(Overloaded):
    """The disk refused a write; the daemon accepts no more and has to be restarted."""

    code = "storage_failed"

    def __init__(self, name: str, reason: str) -> None:
        msg = f"The storage of the gateway has failed ({name}: {reason}). It must be restarted."
        super().__init__(msg)


def means_full(error: Exception) -> bool:
    """Say whether there is no room on the disk."""
    # The second is how SQLite says that the index of its log cannot grow: a file of no value.
    return _code(error) == sqlite3.SQLITE_FULL or _whole_code(error) == sqlite3.SQLITE_IOERR_SHMSIZE


def means_locked(error: Exception) -> bool:
    """Say whether another program holds the database."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def means_broken(error: Exception) -> bool:
    """Say whether the file must not be trusted any more."""
    return _code(error) in _BROKEN and not means_full(error)


def _code(error: Exception) -> int:
    """Return the primary result code; 0 for an error that is not SQLite's own."""
    return _whole_code(error) & 0xFF


def _whole_code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
