"""What differs between two configurations, by dotted path. Never what stands there."""

from collections.abc import Iterator

from pydantic import JsonValue

from prismd.config.model import Config


def changed_paths(old: Config, new: Config) -> list[str]:
    """Return the dotted paths of what differs; ``providers`` alone when only their order does."""
    paths = list(_differences("", old.model_dump(mode="json"), new.model_dump(mode="json")))
    if not paths and list(old.providers) != list(new.providers):
        return ["providers"]
    return paths


def _differences(path: str, old: JsonValue, new: JsonValue) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield path
        return
    for name in dict.fromkeys([*old, *new]):
        below = f"{path}.{name}" if path else name
        if name in old and name in new:
            yield from _differences(below, old[name], new[name])
        else:
            yield below
