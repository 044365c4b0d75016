"""Files, variables and flags → ``LoadedConfig``, or every problem at once with its line.

Precedence: flags > ``PRISM_*`` variables > file > default. Only the shape is checked here. What it
means (does this vendor exist, does this name lead anywhere?) is known to ``snapshot.build``, which
raises ``ConfigProblem`` and has ``LoadedConfig.explain`` find the line.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from prismd.config.document import Document, Fault, Place, read
from prismd.config.messages import problems_of
from prismd.config.model import Config
from prismd.config.problem import ConfigPath, ConfigProblem
from prismd.config.redact import config_hash
from prismd.kernel.errors import ConfigError

MAX_FILE_BYTES = 1024 * 1024
TEXT_NAME = "prism.yaml"
"""What a text that is no file is called in problems."""

CONFIG_VARIABLE = "PRISM_CONFIG"
"""Names the file or directory, where no flag does."""


def _number(text: str) -> object:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text


_VARIABLES: Mapping[str, tuple[tuple[str, ...], Callable[[str], object]]] = {
    "PRISM_HOST": (("server", "host"), str),
    "PRISM_PORT": (("server", "port"), _number),
    "PRISM_DATA_DIR": (("server", "data_dir"), Path),
    "PRISM_LOG_LEVEL": (("logging", "level"), str),
}
"""Variable → the setting it overrides, and how its text is read. An empty one counts as unset."""

_VARIABLES_RANK = 1_000_000
_FLAGS_RANK = _VARIABLES_RANK + 1
"""Problems with them are told after those of the files."""

_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration of the right shape, and where each part of it was written."""

    config: Config
    source: Path | None
    """The file or directory; None when there is none and all is default, variable or flag."""
    hash: str
    places: Mapping[ConfigPath, Place]

    def where(self, path: ConfigPath) -> str:
        """Return ``file:line:col`` (or the flag or variable) of a name, else of what holds it."""
        return str(self._place(path))

    def explain(self, *problems: ConfigProblem) -> ConfigError:
        """Turn problems found later into the error that is told, sorted by line."""
        return _error(Fault(self._place(p.path), p.message) for p in problems)

    def _place(self, path: ConfigPath) -> Place:
        return _nearest(self.places, path, self.source)


class ReadConfig(Protocol):
    """Reads the configuration afresh, as the daemon was told at its start where it is."""

    def __call__(self, *, text: str | None = None) -> LoadedConfig:
        """Read it, or a text as if it stood there; raises as ``load``."""
        ...


def load(
    path: Path | None = None,
    *,
    text: str | None = None,
    overrides: Mapping[tuple[str, ...], object] | None = None,
    env: Mapping[str, str] = os.environ,
) -> LoadedConfig:
    """Read the configuration.

    Args:
        path: A file, or a directory whose files are merged in the order of their names. None reads
            what ``PRISM_CONFIG`` names, else nothing: every setting has a default.
        text: Is read in place of the file or directory.
        overrides: Values of flags by path, such as ``("server", "port"): 8080``; a relative
            ``Path`` is taken from the working directory. An error names the flag: ``--port``.
        env: The daemon's variables.

    Raises:
        ConfigError: with all problems, sorted by line.
    """
    source = path or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    document = _read_all(source) if text is None else read(text, TEXT_NAME, 0)
    for name, (setting, parse) in _VARIABLES.items():
        if text := env.get(name):
            document.put(setting, _absolute(parse(text)), Place(_VARIABLES_RANK, 0, 0, name))
    for setting, value in (overrides or {}).items():
        flag = f"--{setting[-1].replace('_', '-')}"
        document.put(setting, _absolute(value), Place(_FLAGS_RANK, 0, 0, flag))

    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        found = (
            Fault(_nearest(document.places, p.path, source), p.message) for p in problems_of(error)
        )
        raise _error([*document.faults, *found]) from None
    if document.faults:
        raise _error(document.faults)
    return LoadedConfig(config, source, config_hash(config), document.places)


def _absolute(value: object) -> object:
    return value.expanduser().absolute() if isinstance(value, Path) else value


def _nearest(places: Mapping[ConfigPath, Place], path: ConfigPath, source: Path | None) -> Place:
    """Return the place of a path, else that of the innermost part of it that was written."""
    for length in range(len(path), 0, -1):
        if place := places.get(path[:length]):
            return place
    return Place(0, 1, 1, str(source)) if source else Place(0, 0, 0, "default configuration")


def _error(faults: Iterable[Fault]) -> ConfigError:
    lines = (f"{place} {message}" for place, message in sorted(faults))
    return ConfigError(list(dict.fromkeys(lines)))


def _read_all(source: Path | None) -> Document:
    document = Document()
    if source is not None:
        for rank, file in enumerate(_files(source)):
            document.add(_read_file(file, rank))
    return document


def _files(source: Path) -> list[Path]:
    """Return the file itself, or the files of a directory in the order of their names.

    Raises:
        ConfigError: a directory without any, or one that cannot be read.
    """
    if not source.is_dir():
        return [source]
    try:
        files = sorted(
            file
            for file in source.iterdir()
            if file.suffix in _SUFFIXES and not file.name.startswith(".") and file.is_file()
        )
    except OSError as error:
        raise _unreadable(source, error) from None
    if not files:
        raise ConfigError([f"{source} holds no file that ends in .yaml, .yml or .json"])
    return files


def _read_file(file: Path, rank: int) -> Document:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(file, error) from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError([f"{file} is larger than {MAX_FILE_BYTES} bytes"])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError([f"{file}:{line}:{column} is not UTF-8 text"]) from None
    return read(text, str(file), rank)


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError([f"{path} cannot be read: {(error.strerror or 'I/O error').lower()}"])
