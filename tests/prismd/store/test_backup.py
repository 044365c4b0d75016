"""Backups: taken under writes, sound, and anything that happens to a copy is found."""

import asyncio
import random
from pathlib import Path

import pytest

from prismd.kernel.errors import NotFound, StorageRefused
from prismd.store import backup
from prismd.store.audit import AuditLog
from prismd.store.backup import Damaged, Manifest
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.readers import Readers
from prismd.store.secrets import load_or_make_pepper
from prismd.store.stores import Stores
from prismd.wire.audit import Actor, Change

MASTER_KEY = b"k" * 32


async def log_of(stores: Stores) -> AuditLog:
    return AuditLog(await load_or_make_pepper(stores.state, MASTER_KEY))


async def write(stores: Stores, count: int) -> None:
    log = await log_of(stores)

    def work(tx: Tx) -> None:
        log.append(tx, Actor("admin"), Change("key.updated", "key_1", {}), at_s=1.0)

    for _ in range(count):
        await stores.state.write(work)


def make(data_dir: DataDir) -> Manifest:
    return backup.make(data_dir.state_db, data_dir.backups, MASTER_KEY, at_s=1_000)


def file_of(data_dir: DataDir, manifest: Manifest) -> Path:
    return backup.path_of(data_dir.backups, manifest.id)


async def test_twenty_backups_under_writes_are_each_a_state_that_was(
    data_dir: DataDir, stores: Stores
) -> None:
    log = await log_of(stores)
    writing = asyncio.create_task(write(stores, 600))
    rows = []
    for _ in range(20):
        made = await asyncio.to_thread(make, data_dir)
        readers = await Readers.open(file_of(data_dir, made), count=1)
        verdict = await log.verify(readers)
        await readers.aclose()
        assert (verdict.broken_seq, verdict.entries) == (None, made.audit_rows)
        rows.append(made.audit_rows)
    assert rows == sorted(rows)
    await writing
    assert [one.id for one in backup.page(data_dir.backups)] == sorted(
        (one.id for one in backup.page(data_dir.backups)), reverse=True
    )
    assert len(backup.page(data_dir.backups)) == 20


async def test_a_backup_is_private_and_leaves_no_draft(data_dir: DataDir, stores: Stores) -> None:
    await write(stores, 3)
    made = make(data_dir)
    assert file_of(data_dir, made).stat().st_mode & 0o777 == 0o600
    manifest = data_dir.backups / f"{made.id}.json"
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert data_dir.backups.stat().st_mode & 0o777 == 0o700
    assert sorted(path.suffix for path in data_dir.backups.iterdir()) == [".db", ".json"]
    assert backup.verify(data_dir.backups, made.id, MASTER_KEY) == made
    assert (made.audit_rows, made.keys, made.usage_rows) == (3, 0, 0)


async def test_every_flipped_byte_is_found(data_dir: DataDir, stores: Stores) -> None:
    await write(stores, 50)
    made = make(data_dir)
    path, chance = file_of(data_dir, made), random.Random(7)
    sound = path.read_bytes()
    for _ in range(200):
        at = chance.randrange(len(sound))
        damaged = bytearray(sound)
        damaged[at] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            backup.verify(data_dir.backups, made.id, MASTER_KEY)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
async def test_a_copy_that_is_something_else_is_found(
    data_dir: DataDir, stores: Stores, content: bytes
) -> None:
    made = make(data_dir)
    file_of(data_dir, made).write_bytes(content)
    with pytest.raises(Damaged):
        backup.verify(data_dir.backups, made.id, MASTER_KEY)
    assert stores.state.is_healthy


async def test_a_manifest_that_cannot_be_read_hides_its_backup_only(
    data_dir: DataDir, stores: Stores
) -> None:
    broken, sound = make(data_dir), make(data_dir)
    (data_dir.backups / f"{broken.id}.json").write_bytes(b"")
    assert backup.page(data_dir.backups) == [sound]
    with pytest.raises(NotFound):
        backup.verify(data_dir.backups, broken.id, MASTER_KEY)
    assert stores.state.is_healthy


def test_a_copy_of_what_is_no_database_is_not_made(data_dir: DataDir) -> None:
    data_dir.state_db.write_bytes(b"x" * 5000)
    with pytest.raises((StorageRefused, Damaged)):
        make(data_dir)
    assert backup.page(data_dir.backups) == []
    assert list(data_dir.backups.iterdir()) == []


@pytest.mark.parametrize("name", ["bak_none", "../state", "", "*"])
async def test_an_unknown_backup_is_not_there(data_dir: DataDir, stores: Stores, name: str) -> None:
    make(data_dir)
    with pytest.raises(NotFound):
        backup.verify(data_dir.backups, name, MASTER_KEY)
