"""What differs between two configurations, by dotted path, and how it may be shown."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from prismd.config.model import Config
from prismd.config.redact import public_view

_Path = tuple[str, ...]


class Difference(NamedTuple):
    """One setting that differs. Its values are as ``public_view`` has them; None: it is not there.

    Two values that may not be shown can look the same.
    """

    path: str
    old: JsonValue
    new: JsonValue


def changed_paths(old: Config, new: Config) -> list[str]:
    """Return the dotted paths of what differs; ``providers`` alone when only their order does."""
    return [".".join(path) for path in _changed(old, new)]


def differences(old: Config, new: Config) -> list[Difference]:
    """Return what differs; of ``providers`` the ids in their order when only that does."""
    paths = _changed(old, new)
    if paths == [("providers",)]:
        return [Difference("providers", [*old.providers], [*new.providers])]
    was, becomes = public_view(old), public_view(new)
    return [Difference(".".join(path), _at(was, path), _at(becomes, path)) for path in paths]


def _changed(old: Config, new: Config) -> list[_Path]:
    paths = list(_differing((), old.model_dump(mode="json"), new.model_dump(mode="json")))
    if not paths and list(old.providers) != list(new.providers):
        return [("providers",)]
    return paths


def _differing(path: _Path, old: JsonValue, new: JsonValue) -> Iterator[_Path]:
    if old == new:
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield path
        return
    for name in dict.fromkeys([*old, *new]):
        if name in old and name in new:
            yield from _differing((*path, name), old[name], new[name])
        else:
            yield (*path, name)


def _at(view: JsonValue, path: _Path) -> JsonValue:
    for name in path:
        view = view.get(name) if isinstance(view, dict) else None
    return view
