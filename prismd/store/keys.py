"""The ``keys`` table: virtual keys, of which only a digest is kept."""

from collections.abc import Mapping

import msgspec

from prismd.store.db import Database, Row, Tx, Value
from prismd.wire.key import KeyRecord, KeyStatus, KeyType

_NAMES = msgspec.json.Decoder(tuple[str, ...])
_METADATA = msgspec.json.Decoder(dict[str, str])

_INSERT = """
INSERT INTO keys (
    id, digest, prefix, name, status, key_type, owner, org_id, models, providers, metadata,
    rate_limit_rpm, rate_limit_tpm, max_concurrency, allowed_ips, allowed_tools,
    denied_tools, expires_at_s, created_at_s, updated_at_s, last_used_at_s, version
) VALUES (
    :id, :digest, :prefix, :name, :status, :key_type, :owner, :org_id, :models, :providers,
    :metadata, :rate_limit_rpm, :rate_limit_tpm, :max_concurrency, :allowed_ips,
    :allowed_tools, :denied_tools, :expires_at_s, :created_at_s, :updated_at_s,
    :last_used_at_s, :version
)
"""

_UPDATE = """
UPDATE keys SET
    name = :name, status = :status, key_type = :key_type, owner = :owner, org_id = :org_id,
    models = :models, providers = :providers, metadata = :metadata,
    rate_limit_rpm = :rate_limit_rpm,
    rate_limit_tpm = :rate_limit_tpm, max_concurrency = :max_concurrency,
    allowed_ips = :allowed_ips, allowed_tools = :allowed_tools, denied_tools = :denied_tools,
    expires_at_s = :expires_at_s, updated_at_s = :updated_at_s,
    version = :version
WHERE id = :id AND version = :version - 1
"""

_PAGE = """
SELECT * FROM keys
WHERE id > :after
    AND (:status IS NULL OR status = :status)
    AND (:owner IS NULL OR owner = :owner)
    AND (:name IS NULL OR name = :name)
ORDER BY id LIMIT :limit
"""


class StaleKey(Exception):
    """The stored key is not the version that was changed; nothing was written."""


def insert(tx: Tx, record: KeyRecord) -> None:
    """Add a key."""
    tx.execute(_INSERT, _to_row(record))


def update(tx: Tx, record: KeyRecord) -> None:
    """Replace a key by its next version.

    Raises:
        StaleKey: the stored version is not the one before.
    """
    if tx.execute(_UPDATE, _to_row(record)) != 1:
        raise StaleKey(record.id)


def touch(tx: Tx, used_at_s: Mapping[str, int]) -> None:
    """Write down when keys were last used (key id → epoch seconds)."""
    for key_id, at_s in used_at_s.items():
        tx.execute(
            "UPDATE keys SET last_used_at_s = max(coalesce(last_used_at_s, :at_s), :at_s)"
            " WHERE id = :id",
            {"id": key_id, "at_s": at_s},
        )


async def load_all(db: Database) -> list[KeyRecord]:
    """Return every key; done once, at start."""
    return [_from_row(row) for row in await db.rows("SELECT * FROM keys ORDER BY id", {})]


async def page(
    db: Database,
    *,
    limit: int,
    after: str | None = None,
    status: KeyStatus | None = None,
    owner: str | None = None,
    name: str | None = None,
) -> list[KeyRecord]:
    """Return keys in the order of their ids, beginning after one."""
    params: dict[str, Value] = {
        "limit": limit,
        "after": after or "",
        "status": status,
        "owner": owner,
        "name": name,
    }
    return [_from_row(row) for row in await db.rows(_PAGE, params)]


def _to_row(record: KeyRecord) -> dict[str, Value]:
    return {
        "id": record.id,
        "digest": record.digest,
        "prefix": record.prefix,
        "name": record.name,
        "status": record.status.value,
        "key_type": record.key_type.value,
        "owner": record.owner,
        "org_id": record.org_id,
        "models": _names_text(record.models),
        "providers": _names_text(record.providers),
        "metadata": _text(dict(record.metadata)),
        "rate_limit_rpm": record.rate_limit_rpm,
        "rate_limit_tpm": record.rate_limit_tpm,
        "max_concurrency": record.max_concurrency,
        "allowed_ips": _names_text(record.allowed_ips),
        "allowed_tools": _names_text(record.allowed_tools),
        "denied_tools": _names_text(record.denied_tools),
        "expires_at_s": record.expires_at_s,
        "created_at_s": record.created_at_s,
        "updated_at_s": record.updated_at_s,
        "last_used_at_s": record.last_used_at_s,
        "version": record.version,
    }


def _from_row(row: Row) -> KeyRecord:
    stored = msgspec.convert(row, _StoredKey)
    return KeyRecord(
        id=stored.id,
        digest=stored.digest,
        prefix=stored.prefix,
        name=stored.name,
        status=stored.status,
        key_type=stored.key_type,
        owner=stored.owner,
        org_id=stored.org_id,
        models=_names(stored.models),
        providers=_names(stored.providers),
        metadata=_METADATA.decode(stored.metadata),
        rate_limit_rpm=stored.rate_limit_rpm,
        rate_limit_tpm=stored.rate_limit_tpm,
        max_concurrency=stored.max_concurrency,
        allowed_ips=_names(stored.allowed_ips),
        allowed_tools=_names(stored.allowed_tools),
        denied_tools=_names(stored.denied_tools),
        expires_at_s=stored.expires_at_s,
        created_at_s=stored.created_at_s,
        updated_at_s=stored.updated_at_s,
        last_used_at_s=stored.last_used_at_s,
        version=stored.version,
    )


class _StoredKey(msgspec.Struct):
    """A row of ``keys``, with its types checked."""

    id: str
    digest: bytes
    prefix: str
    name: str
    status: KeyStatus
    key_type: KeyType
    owner: str | None
    org_id: str | None
    models: str | None
    providers: str | None
    metadata: str
    rate_limit_rpm: int | None
    rate_limit_tpm: int | None
    max_concurrency: int | None
    allowed_ips: str | None
    allowed_tools: str | None
    denied_tools: str | None
    expires_at_s: int | None
    created_at_s: int
    updated_at_s: int
    last_used_at_s: int | None
    version: int


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else _NAMES.decode(text)


def _names_text(names: tuple[str, ...] | None) -> str | None:
    return None if names is None else _text(names)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
