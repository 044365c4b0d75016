"""One table of keys: nothing is bound twice, all of it is explained, and it can be remapped."""

from pathlib import Path

import pytest
from textual.binding import Binding

from prismctl.errors import ConfigProblem
from prismctl.tui import keys, registry
from prismctl.tui.app import Dashboard
from prismctl.tui.key_table import TABLE, Key


def test_no_key_means_two_things_at_once() -> None:
    contexts = {key.context for key in TABLE}
    shared = ("everywhere", "subject", "rows")
    for context in contexts:
        pressed = [
            name
            for key in TABLE
            if key.context in (*shared, context)
            for name in key.keys.split(",")
        ]
        assert len(pressed) == len(set(pressed)), context


def test_every_key_has_an_action_and_help() -> None:
    for key in TABLE:
        assert key.help
        assert key.help[0].isupper()
        if key.context in ("everywhere", "subject") and not key.action.startswith("app."):
            name = key.action.partition("(")[0]
            assert hasattr(Dashboard, f"action_{name}"), key.action


def test_names_for_remapping_are_unique() -> None:
    names = [keys.name_of(key) for key in TABLE]
    assert len(names) == len(set(names))
    assert "go.traffic" in names


def test_dangerous_keys_are_only_there_with_write() -> None:
    danger = Key(
        action="revoke", keys="ctrl+d", context="x", label="revoke", help="R", is_dangerous=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "TABLE", (danger,))
        assert keys.of(("x",), is_writing=False) == []
        assert keys.of(("x",), is_writing=True) == [danger]
        assert keys.is_dangerous("revoke")
    assert not keys.is_dangerous("sort")


def test_bindings_carry_the_name_that_a_file_remaps() -> None:
    found = [one for one in keys.bindings("rows") if isinstance(one, Binding)]
    assert {"sort", "mark", "open_row"} <= {str(one.id) for one in found}


@pytest.mark.parametrize(
    ("name", "text"), [("slash", "/"), ("ctrl+p", "^p"), ("up,k", "up k"), ("escape", "esc")]
)
def test_keys_as_a_person_reads_them(name: str, text: str) -> None:
    key = Key(action="a", keys=name, context="x", label="", help="A")
    assert keys.shown(key, {}, is_whole=True) == text
    assert keys.shown(key, {"a": "f5"}) == "f5"


def test_a_file_with_other_keys(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    assert keys.load(file) == {}
    file.write_text('[keys]\nsort = "o"\n"go.traffic" = "t,2"\n')
    assert keys.load(file) == {"sort": "o", "go.traffic": "t,2"}


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ('[keys]\nsrot = "o"\n', "did you mean sort?"),
        ("[keys]\nsort = 5\n", "did you mean sort?"),
        ("[keys\n", None),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str, hint: str | None) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text(content)
    with pytest.raises(ConfigProblem) as caught:
        keys.load(file)
    assert caught.value.hint == hint


def test_screens_are_found_by_name_alias_number_and_beginning() -> None:
    for word in ("traffic", "TRAFFIC", "calls", "2", "traf"):
        entry = registry.find(word)
        assert entry is not None
        assert entry.name == "traffic"
    assert registry.find("tra") is None
    assert registry.find("") is None
    assert registry.find("nothing") is None


def test_every_screen_can_be_loaded_and_no_number_is_taken_twice() -> None:
    numbers = [entry.key for entry in registry.SCREENS if entry.key]
    assert len(numbers) == len(set(numbers))
    words = [word for entry in registry.SCREENS for word in (entry.name, *entry.aliases)]
    assert len(words) == len(set(words))
    for entry in registry.SCREENS:
        assert registry.load(entry).__module__ == entry.target.partition(":")[0]
