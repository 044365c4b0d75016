"""The ``bodies`` table of the traffic database: prompts and answers, sealed, for a limited time.

Invariant: no text stands in the file as it is, and what is deleted is overwritten there
(``secure_delete``). What waits to be written is bounded by its size: what is more is not kept.
"""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Collection

import msgspec

from prismd.kernel import jsonio
from prismd.kernel.errors import Overloaded
from prismd.kernel.secret import seal, unseal
from prismd.store.db import Database, Params, Tx
from prismd.wire.bodies import Bodies

MAX_WAITING_BYTES = 64 * 1024 * 1024

_INSERT = """
INSERT INTO bodies (request_id, ts_ms, sealed) VALUES (:request_id, :ts_ms, :sealed)
ON CONFLICT (request_id) DO NOTHING
"""

_KNOWN = """
SELECT request_id FROM bodies WHERE request_id IN (SELECT value FROM json_each(:ids))
"""

log = logging.getLogger("prism.store")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Bodies).decode


class BodyLog:
    """Writes bodies down and reads them again. Used from one event loop."""

    def __init__(self, db: Database, pepper: bytes) -> None:
        """Derive the sealing key from the pepper, which is itself sealed under the master key."""
        self._db = db
        self._key = hmac.digest(pepper, b"kept bodies", "sha256")
        self._waiting_bytes = 0

    def add(self, request_id: str, ts_s: float, bodies: Bodies) -> None:
        """Have the bodies of a call written; where there is no room for them, they are dropped."""
        size = bodies.size_bytes

        def write(tx: Tx) -> None:
            sealed = seal(self._key, _encode(bodies), where=_where(request_id))
            row: Params = {"request_id": request_id, "ts_ms": int(ts_s * 1000), "sealed": sealed}
            tx.execute(_INSERT, row)

        def written(done: asyncio.Future[None]) -> None:
            self._waiting_bytes -= size
            if not done.cancelled() and (error := done.exception()) is not None:
                log.warning("the bodies of %s are dropped: %s", request_id, error)

        if self._waiting_bytes + size > MAX_WAITING_BYTES:
            log.warning("the bodies of %s are dropped: too many wait for the disk", request_id)
            return
        try:
            writing = asyncio.ensure_future(self._db.write(write))  # noqa: TID251  # it is a future
        except Overloaded as error:
            log.warning("the bodies of %s are dropped: %s", request_id, error)
            return
        self._waiting_bytes += size
        writing.add_done_callback(written)

    async def get(self, request_id: str) -> Bodies | None:
        """Return the bodies of a call, also of one that has ended this moment."""
        with contextlib.suppress(Overloaded):  # then what is written can still be read
            await self._db.write(_after_all)
        row = await self._db.row(
            "SELECT sealed FROM bodies WHERE request_id = :id", {"id": request_id}
        )
        if row is None:
            return None
        sealed = row["sealed"]
        assert isinstance(sealed, bytes)  # noqa: S101  # the table is strict
        try:
            return _decode(unseal(self._key, sealed, where=_where(request_id)))
        except ValueError:
            log.exception("the bodies of %s were changed in the database", request_id)
            return None

    async def known(self, request_ids: Collection[str]) -> set[str]:
        """Return those calls of which there are bodies."""
        ids = jsonio.encode(list(request_ids)).decode()
        return {str(row["request_id"]) for row in await self._db.rows(_KNOWN, {"ids": ids})}


def prune(tx: Tx, before_s: float) -> int:
    """Delete the bodies of calls that ended before an epoch time; return how many.

    They are overwritten. Traces are not: an hour of them would be written once more for that.
    """
    tx.row("PRAGMA secure_delete=ON", {})
    try:
        return tx.execute("DELETE FROM bodies WHERE ts_ms < :ms", {"ms": int(before_s * 1000)})
    finally:
        tx.row("PRAGMA secure_delete=OFF", {})


def _where(request_id: str) -> str:
    return f"bodies|{request_id}|sealed"


def _after_all(_: Tx) -> None:
    """Do nothing, after everything that was queued before."""
