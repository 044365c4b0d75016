"""Checksums of rows are for ever: another way to compute them would call every old row wrong."""

from prismd.store.checksum import checksum
from prismd.store.db import Row


def test_a_checksum_is_pinned() -> None:
    assert checksum({"a": 1, "b": "é", "c": None, "d": 1.5}) == 3_430_191_174


def test_every_value_counts() -> None:
    row: Row = {"a": 1, "b": "x", "c": None}
    others: list[Row] = [
        {**row, "a": 2},
        {**row, "b": "y"},
        {**row, "c": 0},
        {"b": "x", "a": 1, "c": None},
    ]
    assert checksum(row) not in [checksum(other) for other in others]
