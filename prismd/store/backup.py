"""Copies of ``state.db``, taken while it is in use; none is called good before it was verified.

A backup is a plain SQLite file in ``<data-dir>/backups`` with a small manifest beside it. It holds
no master key: without the ``master.key`` of its data directory, the keys in it fit nothing.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from prismd.kernel.errors import NotFound, StorageRefused
from prismd.kernel.ids import new_id
from prismd.store.files import copy_database, put_in_place, write_whole
from prismd.store.migrate import plan, shipped
from prismd.store.readers import read_only_uri
from prismd.store.verify import verify_alone

_PREFIX = "bak"
_READ_BYTES = 1 << 20

log = logging.getLogger("prism.store")


class Manifest(msgspec.Struct, frozen=True):
    """What was true of a backup when it was made."""

    id: str
    created_at_s: int
    size_bytes: int
    sha256: str
    keys: int
    usage_rows: int
    audit_rows: int


class Damaged(Exception):
    """A backup is not what was made, or not sound; the text says what was found first."""


_decode = msgspec.json.Decoder(Manifest).decode


def make(state_db: Path, folder: Path, master_key: bytes, *, at_s: int) -> Manifest:
    """Copy a database that may be in use, verify the copy, and only then give it its name.

    Blocks for as long as the disk needs: call it in a thread.

    Raises:
        Damaged: the copy is not sound, so the database is not. StorageRefused: it cannot be made.
    """
    backup_id = new_id(_PREFIX)
    draft = folder / f"{backup_id}.new"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with closing(sqlite3.connect(read_only_uri(state_db), uri=True)) as connection:
            copy_database(connection, draft)
        manifest = _look(draft, backup_id, master_key, at_s)
        write_whole(_manifest_file(folder, backup_id), msgspec.json.encode(manifest))
        put_in_place(draft, path_of(folder, backup_id))
    except (sqlite3.Error, OSError) as error:
        msg = f"no backup could be made in {folder}: {error}"
        raise StorageRefused(msg) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return manifest


def page(folder: Path) -> list[Manifest]:
    """Return what is there, newest first; a copy without a readable manifest is not listed."""
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}_*.json"), reverse=True):
        try:
            manifest = _decode(path.read_bytes())
        except msgspec.DecodeError as error:
            log.warning("the manifest %s cannot be read: %s", path, error)
            continue
        if path_of(folder, manifest.id).exists():
            found.append(manifest)
    return found


def verify(folder: Path, backup_id: str, master_key: bytes) -> Manifest:
    """Open a backup, recompute its ledger, check all of it. Blocks: call it in a thread.

    Raises:
        NotFound: no backup of this id. Damaged: it is not what was made.
    """
    manifest = next((known for known in page(folder) if known.id == backup_id), None)
    if manifest is None:
        msg = f"There is no backup '{backup_id}'. GET /-/backups lists them."
        raise NotFound(msg, code="backup_not_found", param="backup_id")
    found = _look(path_of(folder, backup_id), backup_id, master_key, manifest.created_at_s)
    for name in Manifest.__struct_fields__:
        is_, was = getattr(found, name), getattr(manifest, name)
        if is_ != was:
            msg = f"its {name} is {is_}, but was {was} when it was made"
            raise Damaged(msg)
    return manifest


def path_of(folder: Path, backup_id: str) -> Path:
    """Return the file of a backup."""
    return folder / f"{backup_id}.db"


def _look(path: Path, backup_id: str, master_key: bytes, at_s: int) -> Manifest:
    """Check a copy from its first to its last page, and its ledger; describe it."""
    digest = _digest(path)
    try:
        if missing := plan(path, shipped("state")):
            msg = f"it lacks the schema step {missing[0].name}"
            raise Damaged(msg)
        if faults := verify_alone(path, master_key).faults:
            msg = f"{faults[0].table} {faults[0].id}: {faults[0].reason}"
            raise Damaged(msg)
        with closing(sqlite3.connect(f"{read_only_uri(path)}&immutable=1", uri=True)) as connection:
            (keys,) = connection.execute("SELECT count(*) FROM keys").fetchone()
            (usage_rows,) = connection.execute("SELECT count(*) FROM usage").fetchone()
            (audit_rows,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    except StorageRefused as error:
        raise Damaged(str(error)) from None
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise Damaged(str(error)) from None
    return Manifest(
        backup_id, at_s, path.stat().st_size, digest, int(keys), int(usage_rows), int(audit_rows)
    )


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, telling the system not to keep its pages in memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()


def _manifest_file(folder: Path, backup_id: str) -> Path:
    return folder / f"{backup_id}.json"
