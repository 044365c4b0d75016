"""Files that only this user may read, and that are whole after a power cut or not there."""

import os
import sqlite3
from pathlib import Path


def touch_private(path: Path) -> None:
    """Make an empty file that only this user may read, whatever the umask."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    touch_private(draft)
    draft.write_bytes(content)
    put_in_place(draft, path)


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Write what a connection sees into a new file; the database may be in use."""
    touch_private(target)
    connection.execute("VACUUM INTO :target", {"target": str(target)})


def put_in_place(draft: Path, path: Path) -> None:
    """Give a finished file its name, content and name forced to the disk."""
    _sync(draft)  # SQLite does not sync what it vacuums into
    draft.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
