"""References to secrets: the configuration never holds a secret, only where it is.

``env:NAME`` is a variable of the daemon, ``file:/path`` the contents of a file; ``${NAME}`` as a
whole value means ``env:NAME``. Reading a reference (shape) and resolving it (the value) are
separate: only ``resolve`` touches a secret, and no message here quotes one.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from prismd.config.problem import ConfigPath, ConfigProblem, dotted
from prismd.config.unavailable import secret_store
from prismd.kernel.secret import Secret

MAX_SECRET_BYTES = 64 * 1024

_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE = re.compile(r"file:(/.+)")
_LOOKS_LIKE_REFERENCE = re.compile(r"env:|file:|\$\{")
_WRITE = "write env:NAME, or file:/path"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is. Its text is the reference, which may be shown."""

    source: Literal["env", "file"]
    name: str
    """The name of the variable, or the absolute path of the file."""

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


def resolve(ref: SecretRef, path: ConfigPath, env: Mapping[str, str] = os.environ) -> Secret:
    """Fetch the secret that the setting at ``path`` refers to.

    Raises:
        ConfigProblem: it is not there, cannot be read safely, or is not one line of ASCII.
    """
    text = env.get(ref.name, "") if ref.source == "env" else _read(ref, path)
    what = f"{dotted(path)} refers to {ref}, which"
    if not text.strip():
        empty = "is not set or empty" if ref.source == "env" else "is empty"
        raise ConfigProblem(path, f"{what} {empty}")
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        msg = f"{what} must be one line of printable ASCII without blanks at its ends"
        raise ConfigProblem(path, msg)
    return Secret(text)


def _read(ref: SecretRef, path: ConfigPath) -> str:
    """Return a file's text without its final line end."""
    # What is no UTF-8 becomes U+FFFD, and that is refused with all else that is not ASCII.
    text = read_file(ref, path).decode("utf-8", "replace")
    return text.removesuffix("\n").removesuffix("\r")


def read_file(ref: SecretRef, path: ConfigPath) -> bytes:
    """Return what is in the file that the setting at ``path`` refers to.

    Raises:
        ConfigProblem: it is not there, too large, or others can read or change it.
    """
    what = f"{dotted(path)} refers to {ref}, which"
    file = Path(ref.name)
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            raise ConfigProblem(path, f"{what} is not a regular file")
        if info.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            msg = f"{what} every user of this machine can read or change: chmod 600 it"
            raise ConfigProblem(path, msg)
        if info.st_size > MAX_SECRET_BYTES:
            raise ConfigProblem(path, f"{what} is larger than {MAX_SECRET_BYTES} bytes")
        return file.read_bytes()
    except OSError as error:
        msg = f"{what} cannot be read: {(error.strerror or 'I/O error').lower()}"
        raise ConfigProblem(path, msg) from None


def _parse(value: object) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, str):
        if match := _ENV.fullmatch(value):
            return SecretRef("env", match[1] or match[2])
        if match := _FILE.fullmatch(value):
            return SecretRef("file", match[1])
        if store := secret_store(value):
            msg = f"refers to {store}, which is not available in this version: {_WRITE}"
            raise ValueError(msg)
        if _LOOKS_LIKE_REFERENCE.match(value):
            msg = f"is not a well-formed reference: {_WRITE} (absolute)"
            raise ValueError(msg)
    if value is None or value == "":
        msg = f"is empty: leave it out, or {_WRITE}"
        raise ValueError(msg)
    msg = f"must be a reference, never the secret itself: {_WRITE}"
    raise ValueError(msg)


def parse_if_reference(value: object) -> object:
    """Turn text that is written as a reference into one; leave everything else as it is."""
    if isinstance(value, str) and (_LOOKS_LIKE_REFERENCE.match(value) or secret_store(value)):
        return _parse(value)
    return value


_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": rf"^(?:{_ENV.pattern}|{_FILE.pattern})$", "format": "secret-ref"}
)

SecretField = Annotated[SecretRef, PlainSerializer(str), _SCHEMA]
"""A reference; give it ``READ_REFERENCE`` outside of any ``| None``, so that null is refused."""

READ_REFERENCE = BeforeValidator(_parse)
