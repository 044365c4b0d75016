"""Every key of the dashboard, once: bindings, footer, help, README and remapping are made of it.

A row binds keys to an action of a context. ``everywhere`` is bound by the app, ``rows`` by every
table; the others are contexts of single screens. Dangerous rows are only there with ``--write``.
"""

from dataclasses import dataclass

from prismctl.tui.registry import SCREENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One action and what is pressed for it."""

    action: str
    """Of the widget that binds the context; its name in the configuration file, too."""
    keys: str
    """As Textual names them, several with commas."""
    context: str
    label: str
    """In the footer: a word. Empty: not there."""
    help: str
    is_dangerous: bool = False
    is_early: bool = False
    """Whether it is done before the next key is looked at: it gives the keyboard to another."""
    rank: int = 0
    """In a narrow footer, the highest rank is left out first."""


_ROWS = (
    Key(
        action="open_row",
        keys="enter",
        context="rows",
        label="open",
        help="Open the row under the cursor",
    ),
    Key(action="mark", keys="space", context="rows", label="", help="Mark the row, or unmark it"),
    Key(
        action="sort",
        keys="s",
        context="rows",
        label="sort",
        help="Sort by the next column",
        rank=2,
    ),
    Key(
        action="reverse",
        keys="S",
        context="rows",
        label="",
        help="Turn the order around",
    ),
    Key(
        action="follow",
        keys="f",
        context="rows",
        label="follow",
        help="Stay on the newest row, or stop",
        rank=4,
    ),
    Key(action="up", keys="up,k", context="rows", label="", help="One row up"),
    Key(action="down", keys="down,j", context="rows", label="", help="One row down"),
    Key(action="page_up", keys="pageup", context="rows", label="", help="One page up"),
    Key(action="page_down", keys="pagedown", context="rows", label="", help="One page down"),
    Key(action="top", keys="home,g", context="rows", label="", help="To the first row"),
    Key(action="bottom", keys="end,G", context="rows", label="", help="To the last row"),
)
_SUBJECT = (
    Key(
        action="describe",
        keys="d",
        context="subject",
        label="describe",
        help="Describe the object: all its fields",
        rank=3,
    ),
    Key(rank=4, action="raw", keys="v", context="subject", label="raw", help="Show its JSON"),
    Key(rank=5, action="copy_id", keys="c", context="subject", label="copy id", help="Copy its id"),
)
_KEYS = (
    Key(
        action="create_key",
        keys="n",
        context="keys",
        label="new",
        help="Make a key; its secret is shown once",
        is_dangerous=True,
    ),
    Key(
        action="credit",
        keys="a",
        context="keys",
        label="add credits",
        help="Add prepaid credits",
        is_dangerous=True,
    ),
    Key(
        action="block",
        keys="b",
        context="keys",
        label="block",
        help="Refuse its calls until it is unblocked; of all marked rows",
        is_dangerous=True,
    ),
    Key(
        action="unblock",
        keys="u",
        context="keys",
        label="unblock",
        help="Accept its calls again",
        is_dangerous=True,
    ),
    Key(
        action="revoke",
        keys="ctrl+d",
        context="keys",
        label="revoke",
        help="Refuse its calls for ever; its name must be typed",
        is_dangerous=True,
    ),
)
_BUDGETS = (
    Key(
        action="create_budget",
        keys="n",
        context="budgets",
        label="new",
        help="Make a budget",
        is_dangerous=True,
    ),
    Key(
        action="change_budget",
        keys="e",
        context="budgets",
        label="edit",
        help="Set its limit, what happens there, and when it warns",
        is_dangerous=True,
    ),
    Key(
        action="reset_budget",
        keys="R",
        context="budgets",
        label="reset",
        help="Let it count from zero in its window",
        is_dangerous=True,
    ),
    Key(
        action="delete_budget",
        keys="ctrl+d",
        context="budgets",
        label="delete",
        help="Delete it: it limits nothing from then on",
        is_dangerous=True,
    ),
)
_EVERYWHERE = (
    Key(
        action="copy_command",
        keys="y",
        context="everywhere",
        label="copy command",
        help="Copy the equal prismctl command",
        rank=1,
    ),
    Key(
        action="filter",
        is_early=True,
        keys="slash",
        context="everywhere",
        label="filter",
        help="Filter rows: words, key=ID status=5xx; /! turns it around",
        rank=1,
    ),
    Key(
        action="command",
        is_early=True,
        keys="colon",
        context="everywhere",
        label="command",
        help="Go to a screen by its name, or run a command",
        rank=1,
    ),
    Key(
        action="pause",
        keys="p",
        context="everywhere",
        label="pause",
        help="Freeze what is shown, or go on",
        rank=2,
    ),
    Key(
        action="refresh_now",
        keys="r",
        context="everywhere",
        label="",
        help="Ask the gateway again now",
    ),
    Key(
        action="leave",
        keys="escape",
        context="everywhere",
        label="",
        help="Clear the filter, or go back",
    ),
    Key(
        action="previous",
        keys="left_square_bracket",
        context="everywhere",
        label="",
        help="Back in the history of screens",
    ),
    Key(
        action="next",
        keys="right_square_bracket",
        context="everywhere",
        label="",
        help="Forward in the history of screens",
    ),
    Key(
        action="last",
        keys="minus",
        context="everywhere",
        label="",
        help="To the screen before, and back again",
    ),
    Key(
        action="app.focus_next",
        keys="tab",
        context="everywhere",
        label="",
        help="To the next pane",
    ),
    Key(
        action="palette",
        keys="ctrl+p",
        context="everywhere",
        label="",
        help="All commands, by name",
    ),
    Key(
        action="help",
        keys="question_mark,f1",
        context="everywhere",
        label="help",
        help="Keys of this screen",
    ),
    Key(action="quit", keys="q,ctrl+c", context="everywhere", label="quit", help="Quit"),
)
_GO = tuple(
    Key(
        action=f"go('{entry.name}')",
        keys=entry.key,
        context="everywhere",
        is_early=True,
        label="",
        help=f"{entry.title}: {entry.help}",
    )
    for entry in SCREENS
    if entry.key
)
_USAGE = (
    Key(
        action="group",
        keys="b",
        context="usage",
        label="by",
        help="Sum by the next: key, provider, owner, model",
    ),
    Key(action="span", keys="t", context="usage", label="span", help="Another time: 1 h to 30 d"),
    Key(
        action="metric",
        keys="m",
        context="usage",
        label="measure",
        help="Show cost, calls or tokens",
    ),
)
_AUDIT = (
    Key(
        action="verify",
        keys="x",
        context="audit",
        label="verify",
        help="Recompute the chain: was an entry edited or removed?",
    ),
)
_CONFIG = (
    Key(
        action="check_file",
        keys="x",
        context="config",
        label="check the file",
        help="Check the file on the gateway's disk: what would a reload change?",
    ),
    Key(
        action="reload_config",
        keys="ctrl+r",
        context="config",
        label="reload",
        help="Put the file in force",
        is_dangerous=True,
    ),
    Key(
        action="dismiss_changes",
        keys="backspace",
        context="config",
        label="dismiss changes",
        help="Put away what has changed since the last look",
        rank=1,
    ),
)
_LOGS = (
    Key(
        action="level",
        keys="l",
        context="logs",
        label="level",
        help="Show all, warnings and worse, or errors only",
    ),
)
TABLE = (
    *_USAGE,
    *_AUDIT,
    *_CONFIG,
    *_LOGS,
    *_ROWS,
    *_SUBJECT,
    *_KEYS,
    *_BUDGETS,
    *_EVERYWHERE,
    *_GO,
)
"""Screens that have actions of their own add a context here, and its title below."""
TITLES = {
    "rows": "In a table",
    "subject": "The object under the cursor",
    "keys": "In Keys and in Key, with --write",
    "budgets": "In Budgets and in Budget, with --write",
    "usage": "In Usage",
    "audit": "In Audit",
    "config": "In Config",
    "logs": "In Logs",
    "everywhere": "Everywhere",
}
