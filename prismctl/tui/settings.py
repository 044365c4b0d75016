"""Two configurations side by side, and one as lines of YAML: what a screen draws. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from prismctl.jsontext import Json, Object
from prismctl.output import data

MAX_DEPTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting that differs; None: it is not there."""

    path: str
    old: Json
    new: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of YAML."""

    depth: int
    """How far it is indented."""
    mark: str
    """``- `` of a list."""
    name: str
    value: str


def differences(old: Json, new: Json, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield what differs, by dotted path; a section that is wholly new is one setting."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and len(path) < MAX_DEPTH:
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), (*path, name))
        return
    yield Setting(path=".".join(path), old=old, new=new)


def written(value: Json) -> list[str]:
    """Return a value as it stands in the file: on a line, or more where it is a section."""
    if isinstance(value, dict | list) and value:
        return data.to_yaml(value).rstrip("\n").split("\n")
    text = data.to_yaml(value).rstrip("\n")
    return [text.removesuffix("\n...")]


def lines(config: Object) -> list[Line]:
    """Return a configuration as YAML, line by line."""
    return [_line(text) for text in data.to_yaml(config).rstrip("\n").split("\n")]


def narrowed(rows: list[Line], words: str) -> list[Line]:
    """Return the lines with all words, and the sections they are in; ``!`` turns it around.

    What is in a section whose name has all the words is shown, too.
    """
    is_inverted = words.startswith("!")
    wanted = words.removeprefix("!").lower().split()
    if not wanted:
        return rows
    parents: list[int] = []
    shown: set[int] = set()
    for at, row in enumerate(rows):
        while parents and rows[parents[-1]].depth >= row.depth:
            parents.pop()
        own = f"{row.name} {row.value}".lower()
        above = " ".join(rows[parent].name for parent in parents).lower()
        if all(word in own or word in above for word in wanted) != is_inverted:
            shown |= {at, *parents}
        parents.append(at)
    return [row for at, row in enumerate(rows) if at in shown]


def _line(text: str) -> Line:
    rest = text.lstrip(" ")
    depth = len(text) - len(rest)
    mark = ""
    while rest.startswith("- "):
        mark, rest = f"{mark}- ", rest[2:]
    name, colon, value = rest.partition(": ")
    if not colon and rest.endswith(":"):
        name, colon, value = rest[:-1], ":", ""
    if not colon or name.startswith(('"', "'")):
        return Line(depth=depth, mark=mark, name="", value=rest)
    return Line(depth=depth, mark=mark, name=name, value=value)
