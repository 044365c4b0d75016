"""What a check of the ledger found: the rows that are wrong, and how many were looked at."""

from dataclasses import dataclass, field

import msgspec

MAX_FAULTS = 20
"""Faults that are told; the first is the one to begin with."""


class Fault(msgspec.Struct, frozen=True):
    """One row that is wrong."""

    table: str
    id: str
    reason: str


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong with it."""

    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    unchecked: int = 0
    """Rows from before there were checksums."""
    took_ms: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.faults

    def found(self, table: str, row_id: object, reason: object) -> None:
        """Note a fault, in text that is one line whatever the damaged row holds."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(table, _one_line(row_id), _one_line(reason)))


def _one_line(text: object) -> str:
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
