"""Named gateways: where each one is, and where its credentials are kept (never the credentials).

The file is ``contexts.toml`` in ``$PRISMCTL_CONFIG_DIR``, else in the person's configuration
directory. Who can write it can send an admin token anywhere, so its permissions are checked.
"""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from prismctl import nearest
from prismctl.errors import ConfigProblem, NotThere, UsageProblem

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One gateway."""

    name: str
    url: str
    """Without a trailing slash."""
    token: str | None = None
    """Reference to the admin token: ``env:NAME``, ``file:PATH`` or ``keyring:ACCOUNT``."""
    key: str | None = None
    """Reference to a virtual key, for ``chat``."""
    is_protected: bool = False
    """Whether a change there needs the context's name to be typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """All that the file says. Changes are new objects; ``save`` writes one."""

    current: str | None = None
    by_name: dict[str, Context] = field(default_factory=dict)

    def get(self, name: str) -> Context:
        """Return the context of a name, or of the beginning of one name alone.

        Raises:
            NotThere: there is none of this name.
            UsageProblem: several begin so.
        """
        found = self.by_name.get(name)
        if found is None:
            begun = [known for known in self.by_name if name and known.startswith(name)]
            if len(begun) == 1:
                return self.by_name[begun[0]]
            if begun:
                msg = f"{name!r} means {len(begun)} contexts: {', '.join(begun)}"
                raise UsageProblem(msg, hint="use the whole name")
            hint = nearest.hint(name, self.by_name, otherwise="see: prismctl contexts list")
            msg = f"there is no context {name!r}"
            raise NotThere(msg, hint=hint)
        return found

    def with_context(self, context: Context) -> "Contexts":
        """Return the contexts with this one added or replaced; the first becomes current."""
        by_name = self.by_name | {context.name: context}
        return replace(self, by_name=by_name, current=self.current or context.name)

    def without(self, name: str) -> "Contexts":
        """Return the contexts less one."""
        left = {key: value for key, value in self.by_name.items() if key != name}
        return replace(self, by_name=left, current=None if self.current == name else self.current)


def config_dir() -> Path:
    """Return the directory of everything prismctl keeps."""
    given = os.environ.get("PRISMCTL_CONFIG_DIR")
    if given:
        return Path(given)
    from platformdirs import user_config_path

    return user_config_path("prismctl")


def load() -> Contexts:
    """Read the contexts; none if there is no file yet.

    Raises:
        ConfigProblem: the file is open to others, or cannot be understood.
    """
    import tomllib

    path = config_dir() / "contexts.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise ConfigProblem(msg) from None
    _check_owned(path)
    try:
        content: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: {error}"
        raise ConfigProblem(msg, hint="mend it, or remove it to start again") from None
    return _read(path, content)


def save(contexts: Contexts) -> Path:
    """Write the contexts, whole or not at all; return the file."""
    lines = ["# Written by prismctl: gateways and where their credentials are kept."]
    if contexts.current:
        lines.append(f"current = {_quoted(contexts.current)}")
    for context in contexts.by_name.values():
        lines += ["", f"[contexts.{_quoted(context.name)}]", f"url = {_quoted(context.url)}"]
        lines += [
            f"{name} = {_quoted(value)}"
            for name, value in (("token", context.token), ("key", context.key))
            if value
        ]
        lines += ["protected = true"] if context.is_protected else []
    path = config_dir() / "contexts.toml"
    write_private(path, "\n".join(lines) + "\n")
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; makes its directory."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def check_private(path: Path) -> None:
    """Refuse a file that others can read or write, as ssh does.

    Raises:
        ConfigProblem: its permissions are too wide.
    """
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"{path} can be read or written by others"
        raise ConfigProblem(msg, hint=f"chmod 600 {path}")


def _check_owned(path: Path) -> None:
    check_private(path)
    others_write = stat.S_IWGRP | stat.S_IWOTH
    if os.name == "posix" and path.parent.stat().st_mode & others_write:
        msg = f"{path.parent} can be written by others"
        raise ConfigProblem(msg, hint=f"chmod 700 {path.parent}")


def check_name(name: str) -> str:
    """Return the name of a context if it can be one.

    Raises:
        UsageProblem: it cannot.
    """
    if not _NAME.fullmatch(name):
        msg = f"{name!r} cannot name a context"
        raise UsageProblem(msg, hint="use letters, digits, '.', '_' and '-'")
    return name


def check_url(url: str) -> str:
    """Return the URL of a gateway, without a trailing slash or ``/v1``.

    Raises:
        UsageProblem: it is not the URL of a gateway.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = f"{url!r} is not the URL of a gateway"
        raise UsageProblem(msg, hint="for example http://127.0.0.1:8080")
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = "the URL of a gateway has no user, query or fragment"
        raise UsageProblem(msg)
    return url.rstrip("/").removesuffix("/v1")


def _read(path: Path, content: dict[str, object]) -> Contexts:
    tables = content.get("contexts", {})
    current = content.get("current")
    if not isinstance(tables, dict) or not isinstance(current, str | None):
        raise _wrong(path, "'contexts' must be tables and 'current' a name")
    by_name: dict[str, Context] = {}
    for name, entry in tables.items():
        if not isinstance(entry, dict):
            raise _wrong(path, f"context {name!r} is no table")
        is_protected = entry.pop("protected", False)
        if not _are_strings(entry.values()) or "url" not in entry:
            raise _wrong(path, f"context {name!r} must have a url, and texts only")
        if not isinstance(is_protected, bool):
            raise _wrong(path, f"'protected' of context {name!r} is true or false")
        known = {key: value for key, value in entry.items() if key in ("url", "token", "key")}
        by_name[name] = Context(name=name, is_protected=is_protected, **known)
    return Contexts(current=current if current in by_name else None, by_name=by_name)


def _are_strings(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _wrong(path: Path, what: str) -> ConfigProblem:
    return ConfigProblem(f"{path}: {what}", hint="mend it, or remove it to start again")


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which JSON allows raw.
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
