"""Secrets: where each one lives, read and written. Only references are kept in contexts.

Order of an admin token: ``--token-file`` or stdin, ``PRISMCTL_TOKEN``, the context's reference. A
reference is ``env:NAME``, ``file:PATH`` (0600, checked) or ``keyring:ACCOUNT``. A locked keyring
can hang for ever, so every call to it runs in a thread that is given three seconds.
"""

import os
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from prismctl import contexts
from prismctl.errors import ConfigProblem, NotSignedIn, UsageProblem

T = TypeVar("T")

KEYRING_TIMEOUT_S = 3.0
_SERVICE = "prismctl"


class Storage(StrEnum):
    """Where a secret is kept."""

    KEYRING = "keyring"
    FILE = "file"


class KeyringProblem(Exception):
    """The keyring cannot be used here and now; the message says why."""


def resolve(reference: str) -> str:
    """Return the secret that a reference names.

    Raises:
        NotSignedIn: it is not there.
        ConfigProblem: the file is open to others, or the reference is of an unknown kind.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        secret = os.environ.get(place, "")
    elif kind == "file":
        secret = _read_file(Path(place))
    elif kind == "keyring":
        secret = _from_keyring(place)
    else:
        raise ConfigProblem(
            f"{reference!r} is not a reference to a secret",
            hint="use env:NAME, file:PATH or keyring:ACCOUNT",
        )
    if not secret.strip():
        raise NotSignedIn(f"there is no secret at {reference}", hint="prismctl auth login")
    return secret.strip()


def check_reference(reference: str) -> str:
    """Return the reference if it is one; a relative file becomes absolute.

    Raises:
        UsageProblem: it is a secret itself, or of an unknown kind.
    """
    kind, colon, place = reference.partition(":")
    if not colon or not place or kind not in ("env", "file", "keyring"):
        # Never repeat it: people paste the secret itself here.
        msg = "that is not a reference to a secret"
        raise UsageProblem(msg, hint="use env:NAME or file:PATH; or prismctl auth login")
    return f"file:{Path(place).expanduser().absolute()}" if kind == "file" else reference


def store(account: str, secret: str, storage: Storage | None) -> tuple[str, str | None]:
    """Keep a secret; return the reference to it, and what the person should know.

    Args:
        account: ``<context>.token`` or ``<context>.key``.
        secret: What to keep.
        storage: Where; None tries the keyring, then takes the file.

    Raises:
        ConfigProblem: the keyring was asked for and cannot be used.
    """
    problem = None
    if storage is not Storage.FILE:
        try:
            _to_keyring(account, secret)
        except KeyringProblem as error:
            problem = str(error)
        else:
            return f"keyring:{account}", None
    if storage is Storage.KEYRING:
        msg = f"the keyring cannot be used: {problem}"
        raise ConfigProblem(msg, hint="prismctl auth login --storage file")
    path = contexts.config_dir() / "credentials" / account
    contexts.write_private(path, secret + "\n")
    notice = f"no keyring ({problem}): kept as plain text in {path}, for you only (0600)"
    return f"file:{path}", notice if problem else None


def forget(reference: str) -> bool:
    """Remove a secret that prismctl itself stored; say whether there was one to remove."""
    kind, _, place = reference.partition(":")
    if kind == "keyring":
        try:
            _in_time(lambda: _keyring_delete(place))
        except KeyringProblem as error:
            msg = f"the keyring cannot be used: {error}"
            raise ConfigProblem(msg) from None
        return True
    path = Path(place)
    if kind == "file" and path.parent == contexts.config_dir() / "credentials":
        path.unlink(missing_ok=True)
        return True
    return False


def read_secret(source: str) -> str:
    """Read a secret from a file, or from stdin if the source is ``-``."""
    text = sys.stdin.read() if source == "-" else _read_file(Path(source))
    if not text.strip():
        where = "stdin" if source == "-" else source
        raise NotSignedIn(f"there is no secret in {where}")
    return text.strip()


def _read_file(path: Path) -> str:
    try:
        contexts.check_private(path)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise NotSignedIn(f"{path}: {reason}", hint="prismctl auth login") from None


def _from_keyring(account: str) -> str:
    def read() -> str | None:
        import keyring

        return keyring.get_password(_SERVICE, account)

    try:
        return _in_time(read) or ""
    except KeyringProblem as error:
        msg = f"the keyring cannot be used: {error}"
        raise NotSignedIn(msg, hint="set PRISMCTL_TOKEN, or: prismctl auth login") from None


def _to_keyring(account: str, secret: str) -> None:
    def write() -> None:
        import keyring

        keyring.set_password(_SERVICE, account, secret)

    _in_time(write)


def _keyring_delete(account: str) -> None:
    import keyring
    from keyring.errors import PasswordDeleteError

    try:
        keyring.delete_password(_SERVICE, account)
    except PasswordDeleteError:
        return


def _in_time(work: Callable[[], T]) -> T:
    """Run work on the keyring in a thread, for three seconds at most.

    Raises:
        KeyringProblem: there is none, it failed, or it does not answer.
    """
    is_chosen = "PYTHON_KEYRING_BACKEND" in os.environ
    if sys.platform == "linux" and not is_chosen and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        raise KeyringProblem("this session has none")
    results: list[T] = []
    problems: list[str] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - backends raise whatever their system raises
            problems.append(str(error).partition("\n")[0] or type(error).__name__)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(KEYRING_TIMEOUT_S)
    if results:
        return results[0]
    raise KeyringProblem(problems[0] if problems else "it does not answer; is it locked?")
