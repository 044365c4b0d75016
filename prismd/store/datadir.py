"""The data directory: its files, their permissions, and the lock that only one daemon holds.

state.db      keys, usage: everything that must not be lost
traffic.db    decision traces, and sealed bodies where they are kept: may be deleted
admin-token   the operator's credential (unless the config names another)
master.key    32 bytes that seal the secrets in state.db
backups/      copies of state.db, each with a manifest
ballast       space kept back for when the disk is full; may be deleted
prismd.lock   held by the running daemon; contains its pid
"""

import fcntl
import os
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prismd.kernel.errors import AlreadyRunning, StorageRefused
from prismd.kernel.secret import ADMIN_PREFIX, KEY_BYTES, Secret, new_token
from prismd.store.files import write_whole

_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class DataDir:
    """Where everything lives. Files are 0600, the directory 0700."""

    path: Path

    @property
    def state_db(self) -> Path:
        """The database of what must not be lost."""
        return self.path / "state.db"

    @property
    def traffic_db(self) -> Path:
        """The database of what may be lost."""
        return self.path / "traffic.db"

    @property
    def admin_token_file(self) -> Path:
        """The admin token, one line."""
        return self.path / "admin-token"

    @property
    def master_key_file(self) -> Path:
        """The key-encryption key, 32 raw bytes."""
        return self.path / "master.key"

    @property
    def backups(self) -> Path:
        """Where copies of ``state.db`` are kept."""
        return self.path / "backups"

    @property
    def ballast_file(self) -> Path:
        """Space that is kept back for when the disk is full."""
        return self.path / "ballast"

    @property
    def lock_file(self) -> Path:
        """The lock of the running daemon."""
        return self.path / "prismd.lock"

    def create(self) -> None:
        """Make the directory if it is missing, and check what is there.

        Raises:
            StorageRefused: it cannot be made, or others may read it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"cannot make the data directory {self.path}: {error.strerror}"
            raise StorageRefused(msg) from None
        self.check()

    def check(self) -> None:
        """Refuse a directory or files that other users own or may read, and linked databases.

        Raises:
            StorageRefused: naming the first one, and the command that mends it.
        """
        if (fault := next(self.faults(), None)) is not None:
            raise StorageRefused(fault)

    def faults(self) -> Iterator[str]:
        """Yield what ``check`` refuses, each with the command that mends it, where one does."""
        if not self.path.is_dir():
            yield f"{self.path} is no directory"
            return
        databases = (self.state_db, self.traffic_db)
        for path in databases:
            if path.is_symlink():
                yield f"{path} is a symbolic link; the database must be a plain file"
        yield from _exposures(self.path, "700")
        logs = (path.with_name(path.name + end) for path in databases for end in ("-wal", "-shm"))
        for path in (*databases, *logs, self.admin_token_file, self.master_key_file):
            if path.exists():
                yield from _exposures(path, "600")

    def ensure_secrets(self) -> Secret | None:
        """Make the master key and the admin token where they are missing.

        Returns the admin token if it was made now: the only time to show it.

        Raises:
            StorageRefused: the master key of an existing database is gone.
        """
        if not self.master_key_file.exists():
            if self.state_db.exists():
                msg = (
                    f"{self.master_key_file} is missing, but {self.state_db} needs it; put it back"
                )
                raise StorageRefused(msg)
            write_whole(self.master_key_file, secrets.token_bytes(KEY_BYTES))
        if self.admin_token_file.exists():
            return None
        token = new_token(ADMIN_PREFIX)
        write_whole(self.admin_token_file, token.reveal().encode() + b"\n")
        return token

    def admin_token(self) -> Secret | None:
        """Return the admin token that ``init`` wrote, if there is one."""
        if not self.admin_token_file.exists():
            return None
        return Secret(self.admin_token_file.read_text("utf-8").strip())

    def master_key(self) -> bytes:
        """Return the key-encryption key.

        Raises:
            StorageRefused: missing, or not 32 bytes.
        """
        try:
            key = self.master_key_file.read_bytes()
        except OSError:
            msg = f"{self.master_key_file} is missing; run: prismd init --data-dir {self.path}"
            raise StorageRefused(msg) from None
        if len(key) != KEY_BYTES:
            msg = f"{self.master_key_file} does not hold {KEY_BYTES} bytes; put back the right one"
            raise StorageRefused(msg)
        return key

    def lock(self) -> int:
        """Take the lock; it is held until the returned descriptor is closed or the process ends.

        Raises:
            AlreadyRunning: another daemon holds it. StorageRefused: it cannot be written.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            msg = f"another prismd (pid {holder}) already runs on {self.path}"
            raise AlreadyRunning(msg) from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(descriptor)
            msg = f"{self.lock_file} cannot be written: {error.strerror}"
            raise StorageRefused(msg) from None
        return descriptor


def _exposures(path: Path, mode: str) -> Iterator[str]:
    status, user = path.stat(), os.geteuid()
    if status.st_uid != user:
        yield f"{path} belongs to user {status.st_uid}, but prismd runs as user {user}"
    elif status.st_mode & _OTHERS:
        yield f"{path} may be read by other users; run: chmod {mode} {shlex.quote(str(path))}"
