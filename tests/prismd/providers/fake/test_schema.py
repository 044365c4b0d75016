"""Every instance that is made fits its schema; what cannot be made is said."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismd.providers.fake.scalars import UnusableSchema
from prismd.providers.fake.schema import MAX_VALUES, synthesise

SCHEMAS: list[Any] = [
    True,
    {},
    {"type": "string", "minLength": 9, "maxLength": 9},
    {"type": "string", "maxLength": 2},
    {"type": ["null", "integer"]},
    {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3},
    {"type": "integer", "minimum": -9, "maximum": -7, "multipleOf": 4},
    {"type": "integer", "multipleOf": 1.5, "minimum": 1},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    {"type": "number", "exclusiveMaximum": -3},
    {"minimum": 5},
    {"enum": ["a", 2]},
    {"const": None},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
    {"type": "array", "prefixItems": [{"const": 1}], "items": {"type": "null"}, "minItems": 2},
    {"properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
    {"anyOf": [False, {"type": "integer"}]},
    {"type": "object", "oneOf": [{"required": ["a"]}], "properties": {"a": {"type": "null"}}},
    {"allOf": [{"minimum": 3}, {"type": "integer", "minimum": 7}]},
    {"allOf": [{"properties": {"a": {"minimum": 2}}}, {"properties": {"a": {"type": "integer"}}}]}
    | {"required": ["a"], "type": "object"},
    {"$ref": "#/$defs/x~1y", "$defs": {"x/y": {"type": "integer"}}},
    {
        "type": "object",
        "properties": {"value": {"type": "string"}, "next": {"$ref": "#"}},
        "required": ["value"],
    },
    {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["next"],
            }
        },
        "$ref": "#/$defs/node",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_instance_is_valid(schema: Any) -> None:
    jsonschema.validate(synthesise(schema), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "name", ["date-time", "date", "email", "ipv4", "ipv6", "uuid", "time", "duration"]
)
def test_formats_are_kept(name: str) -> None:
    schema = {"type": "string", "format": name}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.validate(synthesise(schema), schema, format_checker=checker)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (False, "permits nothing"),
        ("text", "must be an object"),
        ({"type": "colour"}, "not a JSON type"),
        ({"type": "integer", "minimum": 1, "maximum": 0}, "no number"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "no number"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "no string"),
        ({"$ref": "#/$defs/none"}, "refers to nothing"),
        ({"$ref": "https://example.com/schema"}, "not a reference within"),
        ({"anyOf": []}, "anyOf is empty"),
        ({"required": ["me"], "properties": {"me": {"$ref": "#"}}}, "without end"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "without end"),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/a"}}}, "itself"),
        ({"type": "array", "minItems": 10**12}, "more than"),
    ],
)
def test_what_cannot_be_made_is_said(schema: Any, why: str) -> None:
    with pytest.raises(UnusableSchema, match=why):
        synthesise(schema)


def test_an_instance_that_doubles_at_each_level_is_refused() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "null"}}
    for level in range(1, 40):
        below = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"properties": {"a": below, "b": below}, "required": ["a", "b"]}
    with pytest.raises(UnusableSchema, match=str(MAX_VALUES)):
        synthesise({"$ref": "#/$defs/d39", "$defs": definitions})


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema: Any = {"type": "null"}
    for _ in range(2_000):
        schema = {"type": "array", "items": schema, "minItems": 1}
    with pytest.raises(UnusableSchema, match="nested"):
        synthesise(schema)


def schemas() -> st.SearchStrategy[Any]:
    """Small schemas that have an instance."""
    bounds = st.tuples(st.integers(-50, 50), st.integers(0, 50))
    leaves = st.one_of(
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "string"}, True, {}]),
        st.builds(lambda value: {"const": value}, st.integers() | st.text(max_size=3)),
        st.builds(lambda values: {"enum": values}, st.lists(st.integers(), min_size=1)),
        st.builds(lambda at: {"type": "string", "minLength": at}, st.integers(0, 9)),
        st.builds(
            lambda low: {"type": "integer", "minimum": low[0], "maximum": low[0] + low[1]}, bounds
        ),
        st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-5, 5)),
        st.builds(
            lambda low, by: {"type": "integer", "minimum": low, "multipleOf": by},
            st.integers(-9, 9),
            st.integers(1, 7),
        ),
    )

    def bigger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.builds(
                lambda items, least: {"type": "array", "items": items, "minItems": least},
                inner,
                st.integers(0, 3),
            ),
            st.builds(
                lambda properties: {
                    "type": "object",
                    "properties": properties,
                    "required": sorted(properties),
                    "additionalProperties": False,
                },
                st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            ),
            st.builds(
                lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)
            ),
        )

    return st.recursive(leaves, bigger, max_leaves=8)


@settings(max_examples=200, deadline=None)
@given(schemas())
def test_any_small_schema_is_obeyed(schema: Any) -> None:
    jsonschema.validate(synthesise(schema), schema, cls=jsonschema.Draft202012Validator)
