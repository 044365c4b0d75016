"""The ``audit`` table: every change an operator made, in a chain that shows any later edit.

Each row's hash is an HMAC over the hash before it and the row itself, under a key that is not in
the database in the clear. So a row that was edited, removed or put in between is found by
``verify``, also when whoever did it can write to the file. Rows cut off at the end leave a sound
chain: compare the head that ``verify`` tells with one that was noted elsewhere.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from prismd.kernel import jsonio
from prismd.store.db import Database, Row, Source, Tx, Value
from prismd.wire.audit import Actor, Change

_START = bytes(32)
_CHUNK_ROWS = 1_000

_NEXT_ROWS = "SELECT * FROM audit WHERE seq > :seq ORDER BY seq LIMIT :limit"
"""The next rows of the chain."""

_INSERT = """
INSERT INTO audit (seq, ts_ms, actor, ip, request_id, action, object_id, changes, hash)
VALUES (:seq, :ts_ms, :actor, :ip, :request_id, :action, :object_id, :changes, :hash)
"""

_PAGE = """
SELECT * FROM audit
WHERE seq < :before AND ts_ms >= :since_ms
    AND (:action IS NULL OR action = :action)
    AND (:object_id IS NULL OR object_id = :object_id)
ORDER BY seq DESC LIMIT :limit
"""

_AFTER_ALL = 2**63 - 1

_HASHED = (
    "seq",
    "ts_ms",
    "actor",
    "ip",
    "request_id",
    "action",
    "object_id",
    "changes",
)
"""What a row's hash covers, in this order: another one would break every chain there is."""


class AuditRow(msgspec.Struct, frozen=True):
    """One row of the log."""

    seq: int
    ts_ms: int
    actor: str
    ip: str | None
    request_id: str | None
    action: str
    object_id: str
    changes: str
    """JSON: field → [before, after]."""
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole chain found."""

    entries: int
    """Rows that were found sound before the first that is not."""
    head: str
    """Hash of the last sound row, hexadecimal; zeros when there is none."""
    broken_seq: int | None = None
    """The first row that is wrong."""
    reason: str | None = None
    has_noted_head: bool | None = None
    """Whether the hash that was asked for is in the sound part; None when none was."""


class ChainCheck:
    """A check of the chain that goes on row by row, wherever they come from."""

    def __init__(self, log: "AuditLog", noted_head: str | None = None) -> None:
        self._log = log
        self._head = _START
        self._noted_head = noted_head
        self._has_noted = None if noted_head is None else False
        self._reason: str | None = None
        self.seq = 0
        """The last row that is sound."""

    @property
    def is_broken(self) -> bool:
        """Say whether a row was wrong; then there is nothing to follow any more."""
        return self._reason is not None

    def follow(self, rows: Iterable[Row]) -> None:
        """Look at the next rows, up to the first that is wrong."""
        for row in rows:
            expected = self._log.hash_after(self._head, row)
            if row["seq"] != self.seq + 1:
                self._reason = f"row {self.seq + 1} is missing"
                return
            if row["hash"] != expected:
                self._reason = "its content does not fit its hash, or the rows before it"
                return
            self._head, self.seq = expected, self.seq + 1
            if self._has_noted is False:
                self._has_noted = expected.hex() == self._noted_head

    def verdict(self) -> Verdict:
        """Return what was found so far."""
        broken = self.seq + 1 if self.is_broken else None
        return Verdict(self.seq, self._head.hex(), broken, self._reason, self._has_noted)


class AuditLog:
    """Appends to the chain and checks it, with the chain's key."""

    def __init__(self, pepper: bytes) -> None:
        """Derive the key of the chain from the pepper of this data directory."""
        self._key = hmac.digest(pepper, b"audit chain", "sha256")

    def append(self, tx: Tx, actor: Actor, change: Change, *, at_s: float) -> None:
        """Write a change down, in the transaction that makes it."""
        last = tx.row("SELECT * FROM audit ORDER BY seq DESC LIMIT 1", {})
        before = None if last is None else msgspec.convert(last, AuditRow)
        row: dict[str, Value] = {
            "seq": before.seq + 1 if before else 1,
            "ts_ms": int(at_s * 1000),
            "actor": actor.name,
            "ip": actor.ip,
            "request_id": actor.request_id,
            "action": change.action,
            "object_id": change.object_id,
            "changes": jsonio.encode(change.changes).decode(),
        }
        tx.execute(_INSERT, row | {"hash": self.hash_after(before.hash if before else _START, row)})

    async def verify(self, db: Source, *, noted_head: str | None = None) -> Verdict:
        """Recompute the chain from its first row, looking for a head that was noted before."""
        chain = ChainCheck(self, noted_head)
        while not chain.is_broken:
            rows = await db.rows(_NEXT_ROWS, {"seq": chain.seq, "limit": _CHUNK_ROWS})
            chain.follow(rows)
            if len(rows) < _CHUNK_ROWS:
                break
        return chain.verdict()

    def hash_after(self, before: bytes, row: Row) -> bytes:
        """Return what the hash of a row must be."""
        content = [row[name] for name in _HASHED]
        return hmac.digest(self._key, before + jsonio.encode(content), "sha256")


async def page(
    db: Database,
    *,
    limit: int,
    before: int | None = None,
    since_s: float = 0,
    action: str | None = None,
    object_id: str | None = None,
) -> list[AuditRow]:
    """Return rows, newest first, beginning before one."""
    rows = await db.rows(
        _PAGE,
        {
            "limit": limit,
            "before": _AFTER_ALL if before is None else before,
            "since_ms": int(since_s * 1000),
            "action": action,
            "object_id": object_id,
        },
    )
    return [msgspec.convert(row, AuditRow) for row in rows]
