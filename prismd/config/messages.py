"""What pydantic found wrong → what is said of it. Values are never quoted, names are.

Where pydantic has no words of ours (``values.py`` and the sections have), its types are translated.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prismd.config.model import Config
from prismd.config.problem import ConfigPath, ConfigProblem, dotted
from prismd.config.section import Section
from prismd.config.unavailable import unavailable

_WORDS = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_type": "must be text: put it in quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be an empty list: leave it out instead",
    "value_error": "{error}",
}
"""Type of a pydantic error → our words, with the values of its context."""


def problems_of(error: ValidationError) -> Iterator[ConfigProblem]:
    """Yield each problem with its path."""
    for detail in error.errors(include_input=False, include_url=False):
        path = tuple(part for part in detail["loc"] if part != "[key]")
        yield ConfigProblem(path, _message(path, detail))


def _message(path: ConfigPath, detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return unavailable(path) or _unknown(path)
    words = _WORDS.get(detail["type"])
    if words is None:
        return f"{dotted(path)} is not valid: {detail['msg']}"
    return f"{dotted(path)} {words.format_map(detail.get('ctx', {}))}"


def _unknown(path: ConfigPath) -> str:
    *parents, name = path
    where = f" in {dotted(tuple(parents))}" if parents else ""
    near = difflib.get_close_matches(str(name), _fields_at(parents), n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'unknown key "{name}"{where}{hint}'


def _fields_at(parents: list[str | int]) -> list[str]:
    """Return the names that the section at a path has."""
    model: type[Section] = Config
    parts = iter(parents)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        if get_origin(annotation) is Mapping:
            next(parts)  # the name of an entry, such as a provider id
        model = _section_in(annotation) or model
    return list(model.model_fields)


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _section_in(arg))), None)
