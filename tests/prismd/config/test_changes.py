import pytest
from pydantic import JsonValue

from prismd.config.changes import changed_paths
from prismd.config.model import Config

ONE: dict[str, JsonValue] = {"type": "fake"}
OTHER: dict[str, JsonValue] = {"type": "fake", "models": ["a"]}


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({}, {}, []),
        ({"server": {"port": 1}}, {"server": {"port": 2}}, ["server.port"]),
        ({"providers": {}}, {"providers": {"one": ONE}}, ["providers.one"]),
        ({"providers": {"one": ONE}}, {"providers": {}}, ["providers.one"]),
        ({"providers": {"one": ONE}}, {"providers": {"one": OTHER}}, ["providers.one.models"]),
        (
            {"providers": {"one": ONE, "two": ONE}},
            {"providers": {"two": ONE, "one": ONE}},
            ["providers"],
        ),
        (
            {"model_map": {"a": "one"}, "logging": {"level": "warn"}},
            {"model_map": {"a": "two", "b": "one"}},
            ["logging.level", "model_map.a", "model_map.b"],
        ),
    ],
)
def test_what_differs(old: JsonValue, new: JsonValue, paths: list[str]) -> None:
    found = changed_paths(Config.model_validate(old), Config.model_validate(new))
    assert sorted(found) == paths
