"""The data directory as ``up`` uses it: the daemon's admin token, and our own few files in it.

admin-token   written by ``prismd init``
prism.yaml    written by us from ``prismd detect``, anew at each start
dev-key       the secret of the dev key; demo-key that of the demo traffic
up.json       which daemon runs here now: url, pid
prismd.log    what the daemon of the last start wrote
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from prismctl import contexts
from prismctl.errors import ConfigProblem
from prismctl.jsontext import as_object, as_text, dumps, loads

DEMO_KEY, DEV_KEY = "demo-key", "dev-key"


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that ``up`` has started here."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class DataDir:
    """One data directory, absolute."""

    path: Path

    @property
    def token_file(self) -> Path:
        """The admin token."""
        return self.path / "admin-token"

    @property
    def config_file(self) -> Path:
        """The configuration of what was detected."""
        return self.path / "prism.yaml"

    @property
    def log_file(self) -> Path:
        """The log of the last start."""
        return self.path / "prismd.log"

    def create(self) -> None:
        """Make the directory for its owner alone.

        Raises:
            ConfigProblem: it cannot be made, or is open to others.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.path.stat().st_mode
        except OSError as error:
            msg = f"cannot make the data directory {self.path}: {error.strerror}"
            raise ConfigProblem(msg) from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            msg = f"{self.path} is open to other users"
            raise ConfigProblem(msg, hint=f"chmod 700 {self.path}")

    def secret(self, name: str) -> str | None:
        """Return the secret in one of the files, if there is one."""
        path = self.path / name
        try:
            contexts.check_private(path)
            return path.read_text("utf-8").strip() or None
        except OSError:
            return None

    def keep_secret(self, name: str, secret: str) -> None:
        """Write a secret, 0600."""
        contexts.write_private(self.path / name, secret + "\n")

    def running(self) -> Running | None:
        """Return what ``up`` wrote down, whether or not it still runs."""
        try:
            content = as_object(loads((self.path / "up.json").read_text("utf-8")))
        except (OSError, ValueError):
            return None
        url, pid = as_text(content.get("url")), content.get("pid")
        return Running(url, pid) if url and isinstance(pid, int) else None

    def set_running(self, running: Running | None) -> None:
        """Write down which daemon runs, or that none does."""
        path = self.path / "up.json"
        if running is None:
            path.unlink(missing_ok=True)
        else:
            contexts.write_private(path, dumps({"url": running.url, "pid": running.pid}) + "\n")


def default_path() -> Path:
    """Return where the daemon keeps its data if it is not told."""
    given = os.environ.get("PRISM_DATA_DIR")
    if given:
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("prism")
