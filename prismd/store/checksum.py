"""A checksum for rows about money: SQLite's own checks do not see a flipped bit in a value."""

import zlib

from prismd.kernel import jsonio
from prismd.store.db import Row


def checksum(row: Row) -> int:
    """Return the CRC-32 of a row's values, in its own order of columns."""
    return zlib.crc32(jsonio.encode(list(row.values())))
