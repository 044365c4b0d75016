"""From a JSON schema to one valid instance: the smallest that obeys it, always the same.

Understood: ``type``, ``enum``, ``const``, ``properties``/``required``, ``items``/``prefixItems``
with ``minItems``, ``anyOf``/``oneOf`` (the first branch that can be built), ``allOf`` (merged),
local ``$ref``, limits of numbers and of string length, the usual string formats. ``pattern``,
``not``, ``if`` and ``uniqueItems`` are not looked at.
"""

from collections.abc import Callable, Mapping

from prismd.providers.fake.scalars import UnusableSchema, make_number, make_string, whole

MAX_VALUES = 10_000
"""A schema whose smallest instance needs more values than this is refused."""

Schema = Mapping[str, object]


def synthesise(schema: object) -> object:
    """Build an instance of a schema.

    Raises:
        UnusableSchema: it permits nothing, refers to nothing, or is endless or too large.
    """
    try:
        return _Builder(schema).build(schema, ())
    except RecursionError:
        msg = "it is nested too deeply"
        raise UnusableSchema(msg) from None


class _Builder:
    def __init__(self, root: object) -> None:
        self._root = root
        self._values_left = MAX_VALUES

    def build(self, schema: object, refs: tuple[str, ...]) -> object:
        """Build one value; ``refs`` are the references that lead to it."""
        self._values_left -= 1
        if self._values_left < 0:
            msg = f"its smallest instance has more than {MAX_VALUES} values"
            raise UnusableSchema(msg)
        if schema is False:
            msg = "a part of it is false, which permits nothing"
            raise UnusableSchema(msg)
        if schema is True:
            return "text"
        if not isinstance(schema, Mapping):
            msg = "a schema must be an object, true or false"
            raise UnusableSchema(msg)
        return self._build_object(schema, refs)

    def _build_object(self, schema: Schema, refs: tuple[str, ...]) -> object:
        if "const" in schema:
            return schema["const"]
        if isinstance(options := schema.get("enum"), list) and options:
            return options[0]
        if isinstance(ref := schema.get("$ref"), str):
            if ref in refs:
                # A smallest instance never needs a definition inside itself.
                msg = f"{ref} needs itself without end"
                raise UnusableSchema(msg)
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return self.build(_merged(self._resolve(ref), rest), (*refs, ref))
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := schema.get(word), list):
                return self._first_branch(schema, word, branches, refs)
        if isinstance(parts := schema.get("allOf"), list):
            merged: object = {name: value for name, value in schema.items() if name != "allOf"}
            for part in parts:
                merged = _merged(self._flat(part), merged)
            return self.build(merged, refs)
        return self._by_type(schema, refs)

    def _first_branch(
        self, schema: Schema, word: str, branches: list[object], refs: tuple[str, ...]
    ) -> object:
        rest = {name: value for name, value in schema.items() if name != word}
        reason = f"{word} is empty"
        for branch in branches:
            try:
                return self.build(_merged(branch, rest), refs)
            except UnusableSchema as error:
                if self._values_left < 0:
                    raise
                reason = str(error)
        raise UnusableSchema(reason)

    def _flat(self, schema: object) -> object:
        """Follow a chain of references, so that the target can be merged."""
        seen = set()
        while isinstance(schema, Mapping) and isinstance(ref := schema.get("$ref"), str):
            if ref in seen:
                msg = f"{ref} refers to itself"
                raise UnusableSchema(msg)
            seen.add(ref)
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            schema = _merged(self._resolve(ref), rest)
        return schema

    def _resolve(self, ref: str) -> object:
        where: object = self._root
        if ref != "#" and not ref.startswith("#/"):
            msg = f"{ref} is not a reference within the schema"
            raise UnusableSchema(msg)
        for step in ref.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(where, Mapping) or name not in where:
                msg = f"{ref} refers to nothing"
                raise UnusableSchema(msg)
            where = where[name]
        return where

    def _by_type(self, schema: Schema, refs: tuple[str, ...]) -> object:
        match _type_of(schema):
            case "object":
                return self._object(schema, refs)
            case "array":
                return self._array(schema, refs)
            case "string":
                return make_string(schema)
            case "integer" | "number" as kind:
                return make_number(schema, is_integer=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case other:
                msg = f"{other!r} is not a JSON type"
                raise UnusableSchema(msg)

    def _object(self, schema: Schema, refs: tuple[str, ...]) -> dict[str, object]:
        properties = _mapping(schema.get("properties"))
        required = schema.get("required")
        names = [str(name) for name in required] if isinstance(required, list) else []
        others = schema.get("additionalProperties", True)
        return {name: self.build(properties.get(name, others), refs) for name in names}

    def _array(self, schema: Schema, refs: tuple[str, ...]) -> list[object]:
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        items = schema.get("items", True)
        length = whole(schema.get("minItems"), default=0)
        return [
            self.build(first[at] if at < len(first) else items, refs)
            for at in range(min(length, MAX_VALUES + 1))
        ]


def _type_of(schema: Schema) -> object:
    given = schema.get("type")
    if isinstance(given, list):
        return next((name for name in given if name != "null"), "null")
    if given is not None:
        return given
    marks = {
        "object": ("properties", "required"),
        "array": ("items", "prefixItems", "minItems"),
        "number": ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"),
    }
    hits = (name for name, words in marks.items() if any(word in schema for word in words))
    return next(hits, "string")


def _merged(schema: object, rest: Schema | object) -> object:
    """Put the words beside a ``$ref`` or a branch together with it; both must hold."""
    if schema is True:
        return rest
    if not isinstance(schema, Mapping) or not isinstance(rest, Mapping):
        return schema
    both: dict[str, object] = {**schema, **rest}
    mine, theirs = _mapping(schema.get("properties")), _mapping(rest.get("properties"))
    if mine and theirs:
        common = {name: {"allOf": [mine[name], theirs[name]]} for name in mine if name in theirs}
        both["properties"] = {**mine, **theirs, **common}
    required = [schema.get("required"), rest.get("required")]
    if all(isinstance(names, list) for names in required):
        both["required"] = list(
            dict.fromkeys(name for names in required if isinstance(names, list) for name in names)
        )
    tighter: tuple[tuple[str, Callable[[float, float], float]], ...] = (
        ("minItems", max),
        ("minLength", max),
        ("minimum", max),
        ("maximum", min),
        ("maxLength", min),
    )
    for word, pick in tighter:
        a, b = schema.get(word), rest.get(word)
        if isinstance(a, int | float) and isinstance(b, int | float):
            both[word] = pick(a, b)
    return both


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
