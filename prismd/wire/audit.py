"""What is written down about a change that an operator made."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and from where."""

    name: str
    """``admin`` for the holder of the admin token, ``file`` and ``signal`` for a reload."""
    ip: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change: ``changes`` maps each field to its value before and after; no secrets."""

    action: str
    """``key.created``, ``config.reloaded``, …"""
    object_id: str
    changes: Mapping[str, tuple[object, object]]
