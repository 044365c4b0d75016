"""JSON in and out, exactly: a number with a decimal point stays the decimal that the API wrote.

A float would turn a cost of 0.00001 into 1e-05 and lose digits; money must not depend on that.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = bool | int | Decimal | str | list["Json"] | dict[str, "Json"] | None
Object: TypeAlias = dict[str, Json]


def loads(text: str | bytes) -> Json:
    """Read JSON; decimals become ``Decimal``.

    Raises:
        ValueError: it is not JSON.
    """
    value: Json = json.loads(text, parse_float=Decimal)
    return value


def dumps(value: Json, *, indent: int | None = None) -> str:
    """Write JSON as UTF-8 text; with ``indent`` (in spaces) a value per line."""
    return "".join(_pieces(value, indent, 0))


def as_object(value: Json) -> Object:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Json) -> list[Object]:
    """Return the objects in a list; anything else is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Json) -> str:
    """Return the value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def pick(value: Json, path: str) -> Json:
    """Follow a dotted path through objects; None where it ends early."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def has(value: Json, path: str) -> bool:
    """Say whether the dotted path is there, be it null."""
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def _pieces(value: Json, indent: int | None, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield from _block("{}", _members(value, indent, depth + 1), indent, depth)
    elif isinstance(value, list) and value:
        items = ("".join(_pieces(item, indent, depth + 1)) for item in value)
        yield from _block("[]", items, indent, depth)
    elif isinstance(value, Decimal):
        yield format(value, "f")
    else:
        yield json.dumps(value, ensure_ascii=False)


def _members(value: Mapping[str, Json], indent: int | None, depth: int) -> Iterator[str]:
    colon = ":" if indent is None else ": "
    for name, item in value.items():
        text = "".join(_pieces(item, indent, depth))
        yield f"{json.dumps(name, ensure_ascii=False)}{colon}{text}"


def _block(marks: str, items: Iterator[str], indent: int | None, depth: int) -> Iterator[str]:
    if indent is None:
        yield f"{marks[0]}{','.join(items)}{marks[1]}"
        return
    margin = "\n" + " " * (indent * (depth + 1))
    yield f"{marks[0]}{margin}{f',{margin}'.join(items)}\n{' ' * (indent * depth)}{marks[1]}"
