"""Checksums of rows are for ever: another way to compute them would call every old row wrong."""

from prismd.store.checksum import checksum
from prismd.store.db import Value


def test_a_checksum_is_pinned() -> None:
    assert checksum([1, "é", None, 1.5]) == 3_430_191_174


def test_every_value_counts() -> None:
    row: list[Value] = [1, "x", None]
    others: list[list[Value]] = [[2, "x", None], [1, "y", None], [1, "x", 0], ["x", 1, None]]
    assert checksum(row) not in [checksum(other) for other in others]
