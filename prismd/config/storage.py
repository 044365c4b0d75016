"""The ``storage`` section: what a crash of the whole machine may cost."""

from typing import Literal

from prismd.config.section import Section


class StorageConfig(Section):
    """What a crash of the whole machine may cost."""

    durability: Literal["full", "relaxed"] = "full"
    """`full` forces every commit to the disk before it is acknowledged; `relaxed` leaves that to
    the next checkpoint: faster, and a crash of the machine may cost the last 5 seconds."""
