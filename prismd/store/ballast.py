"""Space that is kept back on the disk, so that what has begun can be written when it is full.

A file of real blocks in the data directory. The writer of ``state.db`` gives it up when SQLite
finds no room, and takes it back once there is room for it and for more: as long as it is given up,
the disk counts as full.
"""

import contextlib
import logging
import os
from pathlib import Path

from prismd.kernel import clock

BALLAST_BYTES = 4 << 20
"""Some two thousand calls can end in this much, each with its rows and their indexes."""
SPARE_BYTES = 1 << 20
"""How much must be free beyond it; otherwise the next write would give it up again."""
LOOK_S = 1.0
"""How often room is looked for."""

log = logging.getLogger("prism.store")


class Ballast:
    """The file, and whether it is given up. Only one thread gives it up and takes it back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_s = 0.0
        self.is_given_up = False

    def give_up(self) -> None:
        """Free the space."""
        if self.is_given_up:
            return
        self.is_given_up = True
        self._looked_s = clock.monotonic_s()
        with contextlib.suppress(OSError):  # not there, or out of reach: then there is no space
            os.truncate(self._path, 0)
        log.error("the disk is full: nothing new is begun until %s is free", self._path.parent)

    def take(self) -> None:
        """Hold the space, if it is there; while it is not, look again each ``LOOK_S``."""
        now_s = clock.monotonic_s()
        if self.is_given_up and now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        try:
            _fill(self._path)
        except OSError as error:
            if not self.is_given_up:
                reason = error.strerror
                log.error("nothing new is begun: %s cannot be made: %s", self._path, reason)  # noqa: TRY400  # a line says it
            self.is_given_up = True
        else:
            if self.is_given_up:
                log.info("there is room in %s again", self._path.parent)
            self.is_given_up = False


def _fill(path: Path) -> None:
    """Make the file in its size, of blocks that are its own; change nothing if it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size == BALLAST_BYTES:
            return
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES + SPARE_BYTES)
        except OSError:
            os.ftruncate(descriptor, 0)  # what was found of it before the disk was full
            raise
        os.ftruncate(descriptor, BALLAST_BYTES)
    finally:
        os.close(descriptor)
