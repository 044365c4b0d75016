"""A virtual key as the store keeps it and the corridor reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict


class KeyStatus(StrEnum):
    """``blocked`` can be lifted, ``revoked`` is for ever."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    REVOKED = "revoked"


class KeyType(StrEnum):
    """``byok``: billed elsewhere, cost is only recorded. ``managed``: prepaid credits."""

    BYOK = "byok"
    MANAGED = "managed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """Everything about one virtual key except the secret. Immutable: a change is a new record.

    For every list, None means "no restriction" and an empty tuple means "nothing is permitted".
    """

    id: str
    digest: bytes
    """HMAC-SHA256(pepper, key): 32 bytes."""
    prefix: str
    """What may be shown of the key: ``sk-prism-ab12…9xYz``."""
    name: str
    status: KeyStatus = KeyStatus.ACTIVE
    key_type: KeyType = KeyType.BYOK
    owner: str | None = None
    org_id: str | None = None
    models: tuple[str, ...] | None = None
    """Model names; a trailing ``*`` matches any ending."""
    providers: tuple[str, ...] | None = None
    metadata: Mapping[str, str]
    rate_limit_rpm: int | None = None
    rate_limit_tpm: int | None = None
    max_concurrency: int | None = None
    allowed_ips: tuple[str, ...] | None = None
    """Addresses or CIDR networks."""
    allowed_tools: tuple[str, ...] | None = None
    denied_tools: tuple[str, ...] | None = None
    expires_at_s: int | None = None
    created_at_s: int
    updated_at_s: int
    last_used_at_s: int | None = None
    version: int = 1
    """Rises with every change; the ETag of the key."""


class KeyChanges(TypedDict, total=False):
    """The fields of a ``KeyRecord`` that can be changed; those present are."""

    name: str
    status: KeyStatus
    key_type: KeyType
    owner: str | None
    org_id: str | None
    models: tuple[str, ...] | None
    providers: tuple[str, ...] | None
    metadata: Mapping[str, str]
    rate_limit_rpm: int | None
    rate_limit_tpm: int | None
    max_concurrency: int | None
    allowed_ips: tuple[str, ...] | None
    allowed_tools: tuple[str, ...] | None
    denied_tools: tuple[str, ...] | None
    expires_at_s: int | None
