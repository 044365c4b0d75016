"""All dialects. Explicit: no import magic."""

from collections.abc import Mapping

from prismd.dialects.base import Dialect
from prismd.wire.call import DialectName

ALL: tuple[Dialect, ...] = ()

DIALECTS: Mapping[DialectName, Dialect] = {dialect.name: dialect for dialect in ALL}
