"""Bring a database to this version's schema: numbered SQL files, forward only.

Each file runs in one transaction that also writes down its number and checksum, so a kill leaves
the schema before or after it, never between. What is not ours, newer, or changed is refused before
anything is written.
"""

import hashlib
import sqlite3
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from prismd.kernel.errors import StorageRefused

APPLICATION_ID = 0x5052_534D
"""``PRSM``: marks a file as ours."""

_BOOKKEEPING = """
CREATE TABLE schema_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped(database: str) -> list[Migration]:
    """Return the migrations of a database (``state`` or ``traffic``), in order."""
    folder = resources.files("prismd.store") / "migrations" / database
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return [
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
    ]


def plan(path: Path, migrations: list[Migration]) -> list[Migration]:
    """Return what has to be applied; changes nothing.

    Raises:
        StorageRefused: not ours, corrupt, newer than this version, or changed.
    """
    if path.is_symlink():
        msg = f"{path} is a symbolic link; the database must be a plain file"
        raise StorageRefused(msg)
    if not path.exists() or path.stat().st_size == 0:
        return migrations
    try:
        applied = _applied(path)
    except sqlite3.Error as error:
        msg = f"{path} cannot be read as a database ({error}); restore a backup"
        raise StorageRefused(msg) from None
    known = {migration.number: migration for migration in migrations}
    for number, checksum in applied.items():
        if number not in known:
            msg = f"{path} was written by a newer version of prismd (schema {number}); upgrade"
            raise StorageRefused(msg)
        if known[number].checksum != checksum:
            msg = f"{path} has schema step {number} in another form than this version ships"
            raise StorageRefused(msg)
    return [migration for migration in migrations if migration.number not in applied]


def _applied(path: Path) -> dict[int, str]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            msg = f"{path} is a database of another program"
            raise StorageRefused(msg)
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            msg = f"{path} is damaged ({verdict}); restore a backup"
            raise StorageRefused(msg)
        rows = connection.execute("SELECT number, checksum FROM schema_migrations").fetchall()
    finally:
        connection.close()
    return dict(rows)


def migrate(path: Path, migrations: list[Migration]) -> list[Migration]:
    """Apply what is missing; a database that has data is copied aside first. Return what was done.

    Raises:
        StorageRefused: as ``plan``; or a step failed, and the database is as it was before it.
    """
    missing = plan(path, migrations)
    if not missing:
        return []
    is_new = len(missing) == len(migrations)
    path.touch(mode=0o600)
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    try:
        if is_new:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        else:
            _copy_aside(connection, path, missing[0].number)
        for migration in missing:
            _apply(connection, migration)
    except sqlite3.Error as error:
        msg = f"{path} cannot be migrated: {error}"
        raise StorageRefused(msg) from None
    finally:
        connection.close()
    return missing


def _copy_aside(connection: sqlite3.Connection, path: Path, number: int) -> None:
    copy = path.with_name(f"{path.name}.before-{number:04d}")
    copy.unlink(missing_ok=True)
    connection.execute("VACUUM INTO :copy", {"copy": str(copy)})


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if migration.number == 1:
            connection.execute("PRAGMA application_id = 1347572557")
            connection.execute(_BOOKKEEPING)
        for statement in migration.sql.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(
            "INSERT INTO schema_migrations VALUES (:number, :name, :checksum)",
            {
                "number": migration.number,
                "name": migration.name,
                "checksum": migration.checksum,
            },
        )
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
