"""Bring a database to this version's schema: numbered SQL files, forward only.

Each file runs in one transaction that also writes down its number and checksum, so a kill leaves
the schema before or after it, never between. A new database is made under another name and moved
into place when it is whole: what stands under its own name is never half made. What is not ours,
newer, changed, or damaged is refused before anything is written.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from prismd.kernel.errors import StorageRefused
from prismd.store.files import copy_database, put_in_place, touch_private
from prismd.store.readers import read_only_uri
from prismd.store.soundness import fault_in, has_wal, is_wal_readable, wal_of

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
    if not path.exists():
        if has_wal(path):
            msg = f"{path} is missing but its log {wal_of(path).name} is there; restore a backup"
            raise StorageRefused(msg)
        return migrations
    if has_wal(path) and not is_wal_readable(path):
        msg = f"{wal_of(path)} is damaged: what was committed last is in it; restore a backup"
        raise StorageRefused(msg)
    try:
        applied = _applied(path, newest=migrations[-1].number)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # The latter when a damaged page makes SQLite quote its bytes in a message.
        msg = f"{path} cannot be read as a database ({_line(error)}); restore a backup"
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


def _applied(path: Path, *, newest: int) -> dict[int, str]:
    # Without a log, SQLite need not make its side files to read: nothing at all is touched.
    uri = read_only_uri(path) if wal_of(path).exists() else f"{read_only_uri(path)}&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            msg = f"{path} is a database of another program"
            raise StorageRefused(msg)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > newest:
            msg = f"{path} was written by a newer version of prismd (version {version}); upgrade"
            raise StorageRefused(msg)
        if fault := fault_in(connection, path):
            msg = f"{path} is damaged ({_line(fault)}); restore a backup"
            raise StorageRefused(msg)
        rows = connection.execute("SELECT number, checksum FROM schema_migrations").fetchall()
    return dict(rows)


def migrate(path: Path, migrations: list[Migration]) -> list[Migration]:
    """Apply what is missing; a database that has data is copied aside first. Return what was done.

    Raises:
        StorageRefused: as ``plan``; or a step failed, and the database is as it was before it.
    """
    missing = plan(path, migrations)
    if not missing:
        return []
    try:
        if path.exists():
            _bring_up(path, missing)
        else:
            _make(path, missing)
    except (sqlite3.Error, OSError) as error:
        msg = f"{path} cannot be migrated: {_line(error)}"
        raise StorageRefused(msg) from None
    return missing


def _make(path: Path, migrations: list[Migration]) -> None:
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
        leftover.unlink(missing_ok=True)
    touch_private(draft)
    with closing(_open(draft)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for migration in migrations:
            _apply(connection, migration)
    put_in_place(draft, path)


def _bring_up(path: Path, migrations: list[Migration]) -> None:
    with closing(_open(path)) as connection:
        _copy_aside(connection, path, migrations[0].number)
        for migration in migrations:
            _apply(connection, migration)


def _copy_aside(connection: sqlite3.Connection, path: Path, number: int) -> None:
    copy = path.with_name(f"{path.name}.before-{number:04d}")
    draft = copy.with_name(f"{copy.name}.new")
    draft.unlink(missing_ok=True)
    copy_database(connection, draft)
    put_in_place(draft, copy)


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _line(what: object) -> str:
    return " ".join(str(what).split())


def _statements(sql: str) -> Iterator[str]:
    """Cut a script into statements; a trigger's body belongs to its statement."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if migration.number == 1:
            connection.execute("PRAGMA application_id = 1347572557")
            connection.execute(_BOOKKEEPING)
        for statement in _statements(migration.sql):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO schema_migrations VALUES (:number, :name, :checksum)",
            {
                "number": migration.number,
                "name": migration.name,
                "checksum": migration.checksum,
            },
        )
        if orphan := connection.execute("PRAGMA foreign_key_check").fetchone():
            msg = f"a row of {orphan[0]} would refer to a row of {orphan[2]} that is not there"
            raise sqlite3.IntegrityError(msg)
    except sqlite3.Error:
        if connection.in_transaction:  # a disk that fails has ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
