"""YAML text → plain data, with the place of every name. Knows nothing of what the names mean.

Stricter than YAML on purpose: names are text and unique, numbers are plain decimals (so that 010,
1:30 and 1e3 are text that a reader can refuse, and 0.1 is exact), no tags, no merge keys, bounded
size.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import yaml
from yaml.constructor import SafeConstructor

from prismd.config.problem import ConfigPath

MAX_DEPTH = 32
MAX_VALUES = 50_000
"""Values after aliases are followed: a small file can stand for a very large one."""

_CORE = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_QUOTED_INPUT = re.compile(r" '(?!<)[^']{3,}'")
"""What PyYAML quotes of the text, beyond a single character: it may be a part of a secret."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was written; sorts as it is read. Line and column count from 1."""

    rank: int
    """Number of the file; flags and variables come last."""
    line: int
    column: int
    source: str
    """Path of the file as it was given, or the name of a flag or variable (then line is 0)."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else f"{self.source}:"


class Fault(NamedTuple):
    """One thing that is wrong, and where."""

    place: Place
    message: str


@dataclass(slots=True)
class Document:
    """What was written: nested data, the place of each path in it, and what is wrong so far."""

    data: dict[str, object] = field(default_factory=dict)
    places: dict[ConfigPath, Place] = field(default_factory=dict)
    """The place of a name is that of its key, that of a list entry its own."""
    faults: list[Fault] = field(default_factory=list)

    def put(self, path: tuple[str, ...], value: object, place: Place) -> None:
        """Set one value, in place of what was written for it."""
        group: object = self.data
        for name in path[:-1]:
            group = group.setdefault(name, {}) if isinstance(group, dict) else None
        if isinstance(group, dict):  # else the section itself is wrong, and that is told
            group[path[-1]] = value
            self.places[path] = place

    def add(self, other: "Document") -> None:
        """Merge another document into this one; a value that both set is a fault."""
        self.faults += other.faults
        self._merge(self.data, other.data, (), other)
        for path, place in other.places.items():
            self.places.setdefault(path, place)

    def _merge(
        self, mine: dict[str, object], theirs: dict[str, object], at: ConfigPath, other: "Document"
    ) -> None:
        for name, value in theirs.items():
            path = (*at, name)
            if name not in mine:
                mine[name] = value
            elif isinstance(known := mine[name], dict) and isinstance(value, dict):
                self._merge(known, value, path, other)
            else:
                message = f'"{name}" is already set in {self.places[path]}'
                self.faults.append(Fault(other.places[path], message))


def read(text: str, source: str, rank: int = 0) -> Document:
    """Read one YAML (or JSON) text. Nothing is raised: what is wrong is among the faults."""
    document = Document()
    try:
        root = _Composer(text).get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = error.position - before.rfind("\n")
        place = Place(rank, before.count("\n") + 1, column, source)
        document.faults.append(Fault(place, "holds a character that YAML does not allow"))
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark, source, rank)
        document.faults.append(Fault(place, f"is not YAML: {_safe_problem(error)}"))
    except _Refused as refused:
        document.faults.append(Fault(_place(refused.mark, source, rank), str(refused)))
    else:
        if root is not None:
            _Walk(document, source, rank).document(root)
    return document


def _place(mark: yaml.Mark | None, source: str, rank: int) -> Place:
    if mark is None:  # PyYAML allows for it; then all that is known is the file
        return Place(rank, 1, 1, source)
    return Place(rank, mark.line + 1, mark.column + 1, source)


def _safe_problem(error: yaml.MarkedYAMLError) -> str:
    context = error.context if isinstance(error, yaml.composer.ComposerError) else None
    text = " ".join(part for part in (context, error.problem) if part)
    return _QUOTED_INPUT.sub("", text)


class _Refused(Exception):
    """A bound is exceeded; reading ends here."""

    def __init__(self, mark: yaml.Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


class _Composer(yaml.SafeLoader):
    """PyYAML's own, with a bound on depth, so that nesting cannot exhaust the stack."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(self.get_mark(), _TOO_DEEP)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


class _Walk:
    """One pass over the nodes of a document."""

    def __init__(self, document: Document, source: str, rank: int) -> None:
        self._document = document
        self._source = source
        self._rank = rank
        self._values_left = MAX_VALUES

    def document(self, root: yaml.Node) -> None:
        """Fill the document from its root node."""
        try:
            data = self._value(root, ())
        except _Refused as refused:
            self._fault(refused.mark, str(refused))
            return
        if isinstance(data, dict):
            # ``cors:`` with nothing below it is an empty section, not a null.
            self._document.data = {k: {} if v is None else v for k, v in data.items()}
        elif data is not None:
            self._fault(root.start_mark, "must be a mapping of sections, such as `server:`")

    def _value(self, node: yaml.Node, path: ConfigPath) -> object:
        self._values_left -= 1
        if self._values_left < 0:
            message = f"stands for more than {MAX_VALUES} values"
            raise _Refused(node.start_mark, message)
        if len(path) > MAX_DEPTH:  # only an alias to what holds it leads here
            raise _Refused(node.start_mark, _TOO_DEEP)
        match node:
            case yaml.MappingNode(tag=tag) if tag == _CORE + "map":
                return self._mapping(node, path)
            case yaml.SequenceNode(tag=tag) if tag == _CORE + "seq":
                return self._sequence(node, path)
            case yaml.ScalarNode(tag=tag) if tag.startswith(_CORE):
                return self._scalar(node)
            case _:
                self._fault(node.start_mark, "YAML tags are not supported: remove the !tag")
                return None

    def _mapping(self, node: yaml.MappingNode, path: ConfigPath) -> dict[str, object]:
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = self._name(key)
            if name is None:
                continue
            if name in lines:
                message = f'duplicate key "{name}": it is already set in line {lines[name]}'
                self._fault(key.start_mark, message)
                continue
            lines[name] = key.start_mark.line + 1
            here = (*path, name)
            self._document.places[here] = self._place(key.start_mark)
            data[name] = self._value(value, here)
        return data

    def _name(self, key: yaml.Node) -> str | None:
        """Return a key as text, exactly as written; None after a fault."""
        if not isinstance(key, yaml.ScalarNode) or not key.tag.startswith(_CORE):
            self._fault(key.start_mark, "a key must be plain text")
            return None
        if key.tag == _CORE + "merge":
            message = "merge keys (<<) are not supported: write the values out"
            self._fault(key.start_mark, message)
            return None
        return self._text(key)

    def _sequence(self, node: yaml.SequenceNode, path: ConfigPath) -> list[object]:
        data: list[object] = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self._document.places[here] = self._place(item.start_mark)
            data.append(self._value(item, here))
        return data

    def _scalar(self, node: yaml.ScalarNode) -> object:
        match node.tag.removeprefix(_CORE):
            case "null":
                return None
            case "bool":
                return SafeConstructor.bool_values.get(node.value.lower())
            case "int" if _INT.fullmatch(node.value):
                return int(node.value)
            case "float" if _DECIMAL.fullmatch(node.value):
                return Decimal(node.value)
            case _:
                return self._text(node)

    def _text(self, node: yaml.ScalarNode) -> str | None:
        text: str = node.value
        try:
            text.encode()
        except UnicodeEncodeError:
            self._fault(node.start_mark, "holds half of a surrogate pair")
            return None
        return text

    def _place(self, mark: yaml.Mark) -> Place:
        return _place(mark, self._source, self._rank)

    def _fault(self, mark: yaml.Mark, message: str) -> None:
        self._document.faults.append(Fault(self._place(mark), message))
