"""What is made of the table of keys: bindings, what is shown of them, other keys of a person."""

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from textual.binding import Binding, BindingType

from prismctl.errors import ConfigProblem
from prismctl.tui.key_table import TABLE, Key

_SHOWN = {
    "slash": "/",
    "colon": ":",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "question_mark": "?",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "backspace": "bksp",
}


def bindings(context: str) -> list[BindingType]:
    """Return what binds the keys of a context."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label or key.help,
            id=name_of(key),
            priority=key.is_early,
        )
        for key in TABLE
        if key.context == context
    ]


def name_of(key: Key) -> str:
    """Return how the configuration file names the key's action."""
    return key.action.removeprefix("app.").replace("('", ".").replace("')", "")


def of(contexts: Iterable[str], *, is_writing: bool) -> list[Key]:
    """Return the keys of contexts, in the order of the contexts."""
    return [
        key
        for context in contexts
        for key in TABLE
        if key.context == context and (is_writing or not key.is_dangerous)
    ]


def is_dangerous(action: str) -> bool:
    """Say whether an action may only be there with ``--write``."""
    return any(key.is_dangerous for key in TABLE if key.action == action)


def shown(key: Key, keymap: Mapping[str, str], *, is_whole: bool = False) -> str:
    """Return what is pressed, as a person reads it: the first key, or all of them."""
    names = keymap.get(name_of(key), key.keys).split(",")
    texts = [_SHOWN.get(name, name.replace("ctrl+", "^")) for name in names]
    return " ".join(texts) if is_whole else texts[0]


def load(path: Path) -> dict[str, str]:
    """Read other keys from ``[keys]`` of a TOML file: action name to keys; none if there is none.

    Raises:
        ConfigProblem: the file cannot be understood, or names what is not there.
    """
    try:
        content: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path}: {error}"
        raise ConfigProblem(msg) from None
    table = content.get("keys", {})
    known = [name_of(key) for key in TABLE]
    found: dict[str, str] = {}
    for name, value in table.items() if isinstance(table, dict) else ():
        if name not in known or not isinstance(value, str):
            near = get_close_matches(name, known, n=1)
            msg = f"{path}: [keys] has no action {name!r}, or its keys are no text"
            hint = f"did you mean {near[0]}?" if near else "the dashboard's ? lists them"
            raise ConfigProblem(msg, hint=hint)
        found[name] = value
    return found
