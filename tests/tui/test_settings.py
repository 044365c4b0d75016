"""Configurations side by side, and as lines."""

from typing import Any

from prismctl.tui import settings
from tests.tui.recorded_history import HOSTILE


def differing(old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.old, one.new) for one in settings.differences(old, new)]


def test_what_differs_is_told_by_its_path() -> None:
    old = {"limits": {"rpm": 60, "tpm": 5}, "providers": {"a": {"type": "x"}}, "gone": 1}
    new = {"limits": {"rpm": 120, "tpm": 5}, "providers": {"a": {"type": "x"}, "b": {"type": "y"}}}
    assert differing(old, new) == [
        ("limits.rpm", 60, 120),
        ("providers.b", None, {"type": "y"}),
        ("gone", 1, None),
    ]
    assert differing(old, old) == []


def deep(levels: int, value: int) -> Any:
    found: Any = value
    for _ in range(levels):
        found = {"a": found}
    return found


def test_a_deep_one_ends_the_search() -> None:
    assert len(differing(deep(100, 1), deep(100, 2))[0][0].split(".")) == settings.MAX_DEPTH


def test_a_value_is_written_as_in_the_file() -> None:
    assert settings.written(120) == ["120"]
    assert settings.written("env:X") == ["env:X"]
    assert settings.written(None) == ["null"]
    assert settings.written([]) == ["[]"]
    assert settings.written({"type": "x", "n": [1]}) == ["type: x", "n:", "- 1"]


def test_lines_know_names_values_and_lists() -> None:
    config: Any = {"a": {"b": 1, "list": [{"model": "m"}, "x: y"]}, "motd": HOSTILE}
    found = [(row.depth, row.mark, row.name, row.value) for row in settings.lines(config)]
    assert found[:4] == [
        (0, "", "a", ""), (2, "", "b", "1"), (2, "", "list", ""), (2, "- ", "model", "m"),
    ]  # fmt: skip
    assert found[4][1:3] == ("- ", "")
    assert found[-1][2] == "motd"
    assert "\x1b" not in found[-1][3]


def test_a_filter_keeps_the_sections() -> None:
    rows = settings.lines({"limits": {"rpm": 60, "tpm": 5}, "server": {"port": 1}})

    def names(words: str) -> list[str]:
        return [row.name for row in settings.narrowed(rows, words)]

    assert names("rpm") == ["limits", "rpm"]
    assert names("LIMITS") == ["limits", "rpm", "tpm"]
    assert names("limits 60") == ["limits", "rpm"]
    assert names("!limits") == ["server", "port"]
    assert names("nothing") == []
    assert names("") == ["limits", "rpm", "tpm", "server", "port"]
