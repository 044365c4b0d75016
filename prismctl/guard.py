"""What stands between a command and a change of the gateway: ``--dry-run``, protected contexts.

Every request that could change something passes here, whatever command it is of: a new command is
guarded by being one.
"""

import re
from typing import TYPE_CHECKING

from prismctl.errors import UsageProblem
from prismctl.jsontext import Json, Object, loads
from prismctl.output import ask

if TYPE_CHECKING:
    from prismctl.session import Session

_READS = ("GET", "HEAD", "OPTIONS")
_ONLY_LOOKS = re.compile(
    r"/-/(explain|ledger/verify|audit/verify|backups/[^/]+/verify|prices/test|config/check)"
)
"""Paths of the admin API that change nothing, though they are sent to with POST."""


class DryRun(Exception):
    """``--dry-run`` has come to the request that would change something."""

    def __init__(self, method: str, path: str, body: Json) -> None:
        super().__init__(f"{method} {path}")
        self.request: Object = {
            "object": "dry_run",
            "method": method,
            "path": path,
            "body": body,
        }


class Guard:
    """The guard of one run: asks once, and then lets everything through."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._allowed: set[str] = set()

    def before(self, method: str, path: str, body: Json, content: bytes | None) -> None:
        """Return if a request may be sent.

        Raises:
            DryRun: it would change something, and nothing shall be changed.
            UsageProblem: the context is protected, and nobody allows it.
            PrismctlError: the answer is no.
        """
        if method in _READS or _ONLY_LOOKS.fullmatch(path):
            return
        if self._session.flags.dry_run:
            raise DryRun(method, path, _read(content) if body is None else body)
        name = self._session.protection
        if name is not None and path.startswith("/-/"):
            self.allow(name, f"this changes the gateway of {name}, {self._session.gateway.url}")

    def allow(self, name: str, what: str) -> None:
        """Return if a change at a protected context is allowed: by its name, in full.

        Raises:
            UsageProblem: nobody can be asked, or another name was given.
            PrismctlError: another name was typed.
        """
        if name in self._allowed:
            return
        session, given = self._session, self._session.flags.yes_protected
        session.hush()
        if given is None:
            ask.typed(name, what, is_asking=session.is_asking, terminal=session.terminal)
        elif given != name:
            msg = f"--yes-protected {given!r}: the protected context is {name!r}"
            raise UsageProblem(msg, hint="nothing was changed")
        self._allowed.add(name)


def _read(content: bytes | None) -> Json:
    if content is None:
        return None
    try:
        return loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
