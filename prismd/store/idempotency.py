"""The ``idempotency`` table: what was asked under an ``Idempotency-Key``, and the answer to it.

Answers are sealed: what a model said and the secret of a new virtual key are readable neither in
the file nor in a copy of it. A row is there for ``KEPT_S`` from the first call on.

Invariant: a row goes ``in_flight`` → ``done`` | ``not_replayable`` once, by the call that made it.
"""

import hmac
import logging
from enum import StrEnum

import msgspec

from prismd.kernel.secret import seal, unseal
from prismd.store.db import Database, Tx, Value
from prismd.wire.idempotency import Answer, IdempotencyKey

KEPT_S = 86_400
MAX_ANSWER_BYTES = 1024 * 1024
"""The longest body that is kept."""

_FIND = """
SELECT fingerprint, state, request_id, answer FROM idempotency
WHERE scope = :scope AND key_digest = :key_digest AND expires_at_s > :now_s
"""

# A row whose time is over gives way, also where nobody has deleted it yet; no other row does.
_BEGIN = """
INSERT INTO idempotency (
    scope, key_digest, fingerprint, state, request_id, created_at_s, expires_at_s
) VALUES (
    :scope, :key_digest, :fingerprint, 'in_flight', :request_id, :now_s, :expires_at_s
)
ON CONFLICT (scope, key_digest) DO UPDATE SET
    fingerprint = excluded.fingerprint,
    state = excluded.state,
    request_id = excluded.request_id,
    answer = NULL,
    created_at_s = excluded.created_at_s,
    expires_at_s = excluded.expires_at_s
WHERE expires_at_s <= excluded.created_at_s
"""

_KEEP = """
UPDATE idempotency SET state = :state, answer = :answer
WHERE scope = :scope AND key_digest = :key_digest
    AND request_id = :request_id AND state = 'in_flight'
"""

_FORGET = """
DELETE FROM idempotency
WHERE scope = :scope AND key_digest = :key_digest
    AND request_id = :request_id AND state = 'in_flight'
"""

log = logging.getLogger("prism.store")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class State(StrEnum):
    """How far the first call of a key has come, as far as the disk knows."""

    IN_FLIGHT = "in_flight"
    DONE = "done"
    NOT_REPLAYABLE = "not_replayable"


class Found(msgspec.Struct, frozen=True):
    """What is known of the first call under a key. ``answer`` is set when it is ``DONE``."""

    state: State
    fingerprint: bytes
    request_id: str
    answer: Answer | None


class KeptAnswers:
    """Writes answers down and reads them again, with the key that seals them."""

    def __init__(self, pepper: bytes) -> None:
        """Derive the sealing key from the pepper, which is itself sealed under the master key."""
        self._key = hmac.digest(pepper, b"kept answers", "sha256")

    async def find(self, db: Database, key: IdempotencyKey, *, now_s: int) -> Found | None:
        """Return the row of a key whose time is not over."""
        row = await db.row(_FIND, {**_at(key), "now_s": now_s})
        if row is None:
            return None
        stored = msgspec.convert(row, _Stored)
        state, answer = stored.state, None
        if stored.answer is not None:
            try:
                answer = _decode(
                    unseal(self._key, stored.answer, where=_where(key, stored.request_id))
                )
            except ValueError:
                log.exception(
                    "the kept answer of %s was changed in the database", stored.request_id
                )
                state = State.NOT_REPLAYABLE
        return Found(state, stored.fingerprint, stored.request_id, answer)

    def keep(self, tx: Tx, key: IdempotencyKey, request_id: str, answer: Answer | None) -> None:
        """End the row that a call began: with its answer, or without when there is none to keep."""
        state, sealed = State.NOT_REPLAYABLE, None
        if answer is not None and len(answer.body) <= MAX_ANSWER_BYTES:
            where = _where(key, request_id)
            state, sealed = State.DONE, seal(self._key, _encode(answer), where=where)
        row: dict[str, Value] = {"request_id": request_id, "state": state, "answer": sealed}
        tx.execute(_KEEP, _at(key) | row)


def begin(tx: Tx, key: IdempotencyKey, request_id: str, *, now_s: int) -> bool:
    """Write down that a call is in flight; False when another one holds the key."""
    row: dict[str, Value] = {
        "fingerprint": key.fingerprint,
        "request_id": request_id,
        "now_s": now_s,
        "expires_at_s": now_s + KEPT_S,
    }
    return tx.execute(_BEGIN, _at(key) | row) == 1


def forget(tx: Tx, key: IdempotencyKey, request_id: str) -> None:
    """Delete the row of a call that did nothing."""
    tx.execute(_FORGET, {**_at(key), "request_id": request_id})


def prune(tx: Tx, now_s: int) -> int:
    """Delete the rows whose time is over; return how many."""
    return tx.execute("DELETE FROM idempotency WHERE expires_at_s <= :now_s", {"now_s": now_s})


class _Stored(msgspec.Struct):
    """A row, with its types checked."""

    fingerprint: bytes
    state: State
    request_id: str
    answer: bytes | None


def _at(key: IdempotencyKey) -> dict[str, Value]:
    return {"scope": key.scope, "key_digest": key.digest}


def _where(key: IdempotencyKey, request_id: str) -> str:
    return f"idempotency|{key.scope}|{key.digest.hex()}|{request_id}|answer"
