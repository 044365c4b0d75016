"""Copy a whole database file while others use it, so that the copy survives a power cut."""

import os
import sqlite3
from pathlib import Path


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Write what a connection sees into a new file for this user only, and force it to the disk."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection.execute("VACUUM INTO :target", {"target": str(target)})
    # SQLite itself does not sync the file that it vacuums into.
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Force a rename or a new name in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
