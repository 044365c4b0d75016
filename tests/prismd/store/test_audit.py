"""The audit log: every edit of the file behind its back is found, and the first row is named."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from prismd.store import audit
from prismd.store.audit import AuditLog, Verdict
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.stores import Stores
from prismd.wire.audit import Actor, Change

PEPPER = b"p" * 32
ADMIN = Actor("admin", ip="127.0.0.1", request_id="req_1")


async def write(stores: Stores, count: int, log: AuditLog | None = None) -> None:
    """Append changes, each in a transaction of its own."""
    chain = log or AuditLog(PEPPER)
    for number in range(count):
        change = Change("key.updated", f"key_{number % 3}", {"name": ("a", f"b{number}")})

        def work(tx: Tx, change: Change = change, at_s: float = 1_000.0 + number) -> None:
            chain.append(tx, ADMIN, change, at_s=at_s)

        await stores.state.write(work)


def edit(path: Path, *statements: str) -> None:
    """Change the file as somebody would who can write to it and knows the triggers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_keeps_rows")
        connection.execute("DROP TRIGGER audit_keeps_content")
        for statement in statements:
            connection.execute(statement)


async def verdict_after(data_dir: DataDir, *statements: str, head: str | None = None) -> Verdict:
    """Write 5 rows, edit the closed file, and verify."""
    stores = await Stores.open(data_dir)
    await write(stores, 5)
    await stores.aclose()
    edit(data_dir.state_db, *statements)
    stores = await Stores.open(data_dir)
    try:
        return await AuditLog(PEPPER).verify(stores.state, noted_head=head)
    finally:
        await stores.aclose()


async def test_a_chain_that_nobody_touched_is_sound(stores: Stores) -> None:
    log = AuditLog(PEPPER)
    assert (await log.verify(stores.state)).entries == 0
    await write(stores, 2_100, log)  # more than two chunks
    rows = await audit.page(stores.state, limit=500)
    verdict = await log.verify(stores.state, noted_head=rows[-1].hash.hex())
    assert verdict == Verdict(2_100, rows[0].hash.hex(), has_noted_head=True)
    assert [row.seq for row in rows] == list(range(2_100, 1_600, -1))


EDITS: list[tuple[str, Callable[[], list[str]], int]] = [
    ("content", lambda: ["UPDATE audit SET changes = '{}' WHERE seq = 3"], 3),
    ("actor", lambda: ["UPDATE audit SET actor = 'eve' WHERE seq = 1"], 1),
    ("time", lambda: ["UPDATE audit SET ts_ms = ts_ms + 1 WHERE seq = 5"], 5),
    ("null for a value", lambda: ["UPDATE audit SET ip = NULL WHERE seq = 2"], 2),
    ("hash", lambda: ["UPDATE audit SET hash = zeroblob(32) WHERE seq = 4"], 4),
    ("first row gone", lambda: ["DELETE FROM audit WHERE seq = 1"], 1),
    ("row gone", lambda: ["DELETE FROM audit WHERE seq = 3"], 3),
    (
        "row gone, the rest moved up",
        lambda: [
            "DELETE FROM audit WHERE seq = 3",
            "UPDATE audit SET seq = 3 WHERE seq = 4",
            "UPDATE audit SET seq = 4 WHERE seq = 5",
        ],
        3,
    ),
    (
        "two rows swapped",
        lambda: [
            "UPDATE audit SET seq = 9 WHERE seq = 2",
            "UPDATE audit SET seq = 2 WHERE seq = 4",
            "UPDATE audit SET seq = 4 WHERE seq = 9",
        ],
        2,
    ),
    (
        "row added",
        lambda: [
            (
                "INSERT INTO audit SELECT 6, ts_ms, actor, ip, request_id, action, object_id,"
                " changes, hash FROM audit WHERE seq = 5"
            ),
        ],
        6,
    ),
]


@pytest.mark.parametrize(("statements", "first"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
async def test_an_edit_is_found_and_the_first_row_named(
    data_dir: DataDir, statements: Callable[[], list[str]], first: int
) -> None:
    verdict = await verdict_after(data_dir, *statements())
    assert (verdict.broken_seq, verdict.entries) == (first, first - 1)
    assert verdict.reason


async def test_rows_cut_off_at_the_end_are_found_by_a_noted_head(data_dir: DataDir) -> None:
    stores = await Stores.open(data_dir)
    await write(stores, 7)
    noted = (await AuditLog(PEPPER).verify(stores.state)).head
    await stores.aclose()
    edit(data_dir.state_db, "DELETE FROM audit WHERE seq > 4")
    stores = await Stores.open(data_dir)
    verdict = await AuditLog(PEPPER).verify(stores.state, noted_head=noted)
    await stores.aclose()
    assert (verdict.broken_seq, verdict.entries, verdict.has_noted_head) == (None, 4, False)


async def test_the_chain_cannot_be_written_anew_without_the_secret(data_dir: DataDir) -> None:
    stores = await Stores.open(data_dir)
    await write(stores, 3, AuditLog(b"guessed" * 4))
    verdict = await AuditLog(PEPPER).verify(stores.state)
    await stores.aclose()
    assert verdict.broken_seq == 1


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET actor = 'eve'"])
async def test_the_database_itself_refuses_changes(stores: Stores, statement: str) -> None:
    await write(stores, 1)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        await stores.state.write(lambda tx: tx.execute(statement, {}))


async def test_the_hash_of_a_row_does_not_change_between_versions(stores: Stores) -> None:
    await write(stores, 2)
    rows = await audit.page(stores.state, limit=2)
    assert [row.hash.hex()[:16] for row in rows] == ["091e82603a652c81", "2a83565c40f72007"]


async def test_a_change_that_fails_leaves_no_row(stores: Stores) -> None:
    log = AuditLog(PEPPER)

    def work(tx: Tx) -> None:
        log.append(tx, ADMIN, Change("key.created", "key_1", {}), at_s=1.0)
        raise LookupError

    with pytest.raises(LookupError):
        await stores.state.write(work)
    assert (await log.verify(stores.state)).entries == 0


async def test_pages_go_back_in_time_and_can_be_filtered(stores: Stores) -> None:
    await write(stores, 9)
    first = await audit.page(stores.state, limit=4)
    second = await audit.page(stores.state, limit=4, before=first[-1].seq)
    assert [row.seq for row in (*first, *second)] == [9, 8, 7, 6, 5, 4, 3, 2]
    of_one = await audit.page(stores.state, limit=9, object_id="key_1")
    assert [row.seq for row in of_one] == [8, 5, 2]
    assert await audit.page(stores.state, limit=9, action="key.created") == []
    late = await audit.page(stores.state, limit=9, since_s=1_006.0)
    assert [row.seq for row in late] == [9, 8, 7]
