"""A checksum for rows about money: SQLite's own checks do not see a flipped bit in a value."""

import zlib
from collections.abc import Sequence

from prismd.kernel import jsonio
from prismd.store.db import Value


def checksum(values: Sequence[Value]) -> int:
    """Return the CRC-32 of a row's values, in the order in which they were written."""
    return zlib.crc32(jsonio.encode(values))
