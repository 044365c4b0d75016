"""Who is calling: from a bearer token to a key record, in memory, without the database.

Invariant: ``KeyTable`` holds exactly the keys of the store; an entry is replaced after its change
is durable, so a revoked key is refused from the moment the admin's answer leaves.
"""

import hashlib
from collections.abc import Iterable, Iterator

from prismd.kernel.errors import Forbidden, Unauthenticated
from prismd.kernel.secret import ADMIN_PREFIX, KEY_PREFIX, digest, is_well_formed, same
from prismd.wire.key import KeyRecord, KeyStatus

MAX_REMEMBERED = 10_000
"""Tokens whose digest is remembered."""


class KeyTable:
    """Every virtual key, by digest. Changed from the event loop only."""

    def __init__(self, records: Iterable[KeyRecord]) -> None:
        self._by_digest: dict[bytes, KeyRecord] = {}
        self._by_id: dict[str, KeyRecord] = {}
        self._digests: dict[bytes, bytes] = {}
        """SHA-256 of a token that is a key's → its digest, which takes ten times as long."""
        for record in records:
            self.put(record)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[KeyRecord]:
        """Iterate over all keys, the revoked ones, too."""
        return iter(self._by_id.values())

    def find_token(self, token: str, pepper: bytes) -> KeyRecord | None:
        """Return the key that a token is."""
        name = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._digests.get(name)
        if known is None:
            if not is_well_formed(token):
                return None
            known = digest(token, pepper)
            if known in self._by_digest:  # garbage cannot fill the memory
                if len(self._digests) >= MAX_REMEMBERED:
                    self._digests.clear()
                self._digests[name] = known
        return self._by_digest.get(known)

    def get(self, key_id: str) -> KeyRecord | None:
        """Return the key with this id."""
        return self._by_id.get(key_id)

    def put(self, record: KeyRecord) -> None:
        """Add a key, or replace it by its changed record."""
        self._by_digest[record.digest] = record
        self._by_id[record.id] = record


def identify(token: str | None, keys: KeyTable, *, pepper: bytes, now_s: float) -> KeyRecord:
    """Return the key that a token stands for.

    Raises:
        Unauthenticated: none, of another kind, or not valid (unknown, revoked, expired alike).
        Forbidden: the key is blocked.
    """
    record = keys.find_token(token, pepper) if token else None
    if record is None:
        raise _no_key(token)
    check_valid(record, now_s)
    return record


def check_valid(record: KeyRecord, now_s: float) -> None:
    """Refuse a key that may not be used now.

    Raises:
        Unauthenticated: it is revoked or expired; Forbidden: it is blocked.
    """
    if record.status is KeyStatus.REVOKED or is_expired(record, now_s):
        raise _not_valid()
    if record.status is KeyStatus.BLOCKED:
        msg = "This key is blocked. Ask the operator of the gateway to unblock it."
        raise Forbidden(msg, param="key")


def _no_key(token: str | None) -> Unauthenticated:
    if not token:
        msg = (
            "No API key. Send a virtual key (sk-prism-…) as 'Authorization: Bearer', or as the "
            "header of your SDK: x-api-key, x-goog-api-key."
        )
        return Unauthenticated(msg, code="missing_api_key")
    if token.startswith(ADMIN_PREFIX):
        msg = (
            "This is an admin token; it only opens the admin API under /-/. "
            "Use a virtual key (sk-prism-…) here; 'prismctl keys create' makes one."
        )
        return Unauthenticated(msg, code="admin_token_on_api")
    return _not_valid()


def _not_valid() -> Unauthenticated:
    msg = "The API key is not valid. Check that it is complete, and not revoked or expired."
    return Unauthenticated(msg)


def is_expired(record: KeyRecord, now_s: float) -> bool:
    """Say whether a key's time is over."""
    return record.expires_at_s is not None and now_s >= record.expires_at_s


def check_admin(token: str | None, admin_token: bytes) -> None:
    """Let only the admin token pass.

    Raises:
        Unauthenticated: none, a virtual key, or another token.
    """
    if not token:
        msg = "No admin token. Send the header 'Authorization: Bearer prism-admin-…'."
        raise Unauthenticated(msg, code="missing_admin_token")
    if token.startswith(KEY_PREFIX):
        msg = (
            "This is a virtual key; it only opens the API under /v1. "
            "The admin API wants the admin token (prism-admin-…)."
        )
        raise Unauthenticated(msg, code="api_key_on_admin")
    if not same(token.encode("utf-8", "surrogateescape"), admin_token):
        raise Unauthenticated("The admin token is not valid.", code="invalid_admin_token")
