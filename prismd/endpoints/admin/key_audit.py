"""What the audit log says of a changed key: its fields before and after, secrets masked."""

import re
from collections.abc import Mapping
from dataclasses import fields

from prismd.wire.key import KeyRecord

_NOT_TOLD = frozenset({"id", "digest", "created_at_s", "updated_at_s", "last_used_at_s", "version"})
"""Not the operator's doing, or told elsewhere in the row."""

_SECRET_NAME = re.compile(r"secret|token|password|passwd|credential|api[_-]?key", re.IGNORECASE)


def differences(before: KeyRecord | None, after: KeyRecord) -> dict[str, tuple[object, object]]:
    """Return the fields that differ, each with its value before (None for a new key) and after."""
    found: dict[str, tuple[object, object]] = {}
    for field in fields(KeyRecord):
        if field.name in _NOT_TOLD:
            continue
        old = getattr(before, field.name) if before else None
        new = getattr(after, field.name)
        if old != new:
            found[field.name] = (_masked(old), _masked(new))
    return found


def _masked(value: object) -> object:
    """Hide the values of labels whose names say that they are secrets."""
    if not isinstance(value, Mapping):
        return value
    return {name: "***" if _SECRET_NAME.search(str(name)) else text for name, text in value.items()}
