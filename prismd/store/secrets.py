"""The ``sealed_secrets`` table: what is encrypted under the master key."""

import secrets
import sqlite3

from prismd.kernel.errors import StorageRefused
from prismd.kernel.secret import KEY_BYTES, seal, unseal
from prismd.store.db import Database, Tx

_PEPPER = "pepper"
_WHERE = "sealed_secrets|pepper|value"

_SEALED_PEPPER = "SELECT value FROM sealed_secrets WHERE name = 'pepper'"


def pepper_in(connection: sqlite3.Connection, master_key: bytes) -> bytes | None:
    """Return the pepper of a database that is open for reading; None when it has none yet.

    Raises:
        StorageRefused: it was sealed under another master key.
    """
    row = connection.execute(_SEALED_PEPPER).fetchone()
    return None if row is None else _open(bytes(row["value"]), master_key)


def _open(sealed: bytes, master_key: bytes) -> bytes:
    try:
        return unseal(master_key, sealed, where=_WHERE)
    except ValueError:
        msg = (
            "the file master.key does not belong to this data directory: it cannot open the "
            "database's secrets; put back the right one"
        )
        raise StorageRefused(msg) from None


async def load_or_make_pepper(db: Database, master_key: bytes) -> bytes:
    """Return the pepper under which keys are hashed; make and seal one on first use.

    Raises:
        StorageRefused: it was sealed under another master key, or is gone while keys need it.
    """
    row = await db.row(_SEALED_PEPPER, {})
    if row is not None:
        return _open(bytes(row["value"]), master_key)  # type: ignore[arg-type]
    if await db.row("SELECT id FROM keys LIMIT 1", {}) is not None:
        msg = "the database has keys but its pepper is gone, so none would fit; restore a backup"
        raise StorageRefused(msg)
    pepper = secrets.token_bytes(KEY_BYTES)
    sealed = seal(master_key, pepper, where=_WHERE)

    def write(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO sealed_secrets (name, value) VALUES (:name, :value)",
            {"name": _PEPPER, "value": sealed},
        )

    await db.write(write)
    return pepper
