"""The screens: one row each. A screen is imported when it is first opened.

To add one: a module with a ``Pane`` in ``screens/``, and a row here. Its keys are rows in ``keys``.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismctl.tui.pane import Pane

KEYS_PATH = "/-/keys?limit=500"
BUDGETS_PATH = "/-/budgets?limit=500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One screen."""

    name: str
    """What is typed after ``:``."""
    title: str
    help: str
    target: str
    """``module:class``."""
    key: str = ""
    """Its number; empty where it is opened from another screen only."""
    aliases: tuple[str, ...] = ()
    paths: Mapping[str, float] = field(default_factory=dict)
    """Admin paths that are asked while it is shown, each every so many seconds."""


SCREENS = (
    Entry(
        name="overview",
        title="Overview",
        help="is all well, at a glance",
        target="prismctl.tui.screens.overview:Overview",
        key="1",
        aliases=("pulse", "home"),
    ),
    Entry(
        name="traffic",
        title="Traffic",
        help="calls as they happen",
        target="prismctl.tui.screens.traffic:Traffic",
        key="2",
        aliases=("calls", "requests", "tail"),
    ),
    Entry(
        name="providers",
        title="Providers",
        help="who serves the models, and how well",
        target="prismctl.tui.screens.providers:Providers",
        key="3",
    ),
    Entry(
        name="keys",
        title="Keys",
        help="who may call, with what credits and limits",
        target="prismctl.tui.screens.keys:Keys",
        key="4",
        paths={KEYS_PATH: 10.0},
    ),
    Entry(
        name="usage",
        title="Usage",
        help="what is spent, over time and by whom",
        target="prismctl.tui.screens.usage:Usage",
        key="5",
        aliases=("spend", "cost"),
    ),
    Entry(
        name="budgets",
        title="Budgets",
        help="how much may be spent, and for how long it lasts",
        target="prismctl.tui.screens.budgets:Budgets",
        key="6",
        paths={BUDGETS_PATH: 5.0, KEYS_PATH: 30.0},
    ),
    Entry(
        name="audit",
        title="Audit",
        help="who changed what, and whether the log of it is whole",
        target="prismctl.tui.screens.audit:Audit",
        key="7",
    ),
    Entry(
        name="config",
        title="Config",
        help="what is in force, and what a reload would change",
        target="prismctl.tui.screens.config:Config",
        key="8",
        paths={"/-/config": 5.0},
    ),
    Entry(
        name="logs",
        title="Logs",
        help="warnings of the gateway, and what happened to it",
        target="prismctl.tui.screens.logs:Logs",
        key="9",
        aliases=("log", "events"),
    ),
    Entry(
        name="provider",
        title="Provider",
        help="one provider: health over time, models, failures; :provider ID",
        target="prismctl.tui.screens.provider:Provider",
    ),
    Entry(
        name="key",
        title="Key",
        help="one key: limits, budgets, credits, calls; :key ID",
        target="prismctl.tui.screens.key:Key",
        paths={KEYS_PATH: 10.0},
    ),
    Entry(
        name="budget",
        title="Budget",
        help="one budget: where it went, and its pace; :budget ID",
        target="prismctl.tui.screens.budget:Budget",
        paths={BUDGETS_PATH: 5.0, KEYS_PATH: 30.0},
    ),
    Entry(
        name="trace",
        title="Trace",
        help="how one call was decided; :trace ID",
        target="prismctl.tui.screens.trace:Trace",
        aliases=("request", "call"),
    ),
    Entry(
        name="help",
        title="Help",
        help="all keys",
        target="prismctl.tui.screens.help:Help",
        aliases=("keys?", "h"),
    ),
)

NAMES = tuple(entry.name for entry in SCREENS)


def find(word: str) -> Entry | None:
    """Return the screen of this name, alias or number; of a beginning, if only one begins so."""
    word = word.lower()
    for entry in SCREENS:
        if word in (entry.name, entry.key, *entry.aliases) and word:
            return entry
    near = [entry for entry in SCREENS if word and entry.name.startswith(word)]
    return near[0] if len(near) == 1 else None


def load(entry: Entry) -> "type[Pane]":
    """Import a screen."""
    module, _, name = entry.target.partition(":")
    pane: type[Pane] = getattr(importlib.import_module(module), name)
    return pane
