"""Keys as rows, and what they are called."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from prismctl.commands import budget_views
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, values
from prismctl.tui.screens import tight

_WORD = re.compile(r"[A-Za-z0-9_.@/][A-Za-z0-9_.@/-]{0,59}")
"""A name that can be typed anywhere."""
_ORDER = {"active": 0, "blocked": 1, "expired": 2, "revoked": 3}


def tightest(value: Json, look: Look) -> str:
    """Draw the budget of which most is spent: glyph, bar, per cent."""
    rows = as_objects(value)
    if not look.is_people or not rows:
        return budget_views.budgets(value, look)
    worst = max(rows, key=tight.share)
    glyph = human.state(worst.get("state"), look).partition(" ")[0]
    return f"{glyph} {tight.gauge(worst, look)}"


def _of(value: Json, look: Look) -> str:
    rows = as_objects(value)
    if not rows:
        return ""
    others = f" +{len(rows) - 1}" if len(rows) > 1 else ""
    return tight.limit(max(rows, key=tight.share), look) + others


def _rates(value: Json, _look: Look) -> str:
    """Write how many requests and tokens a minute are let through; a dash for any."""
    key = as_object(value)
    limits = [key.get(f"rate_limit_{name}") for name in ("rpm", "tpm")]
    if limits == [None, None]:
        return ""
    return "/".join("-" if one is None else figures.short(values.real(one)) for one in limits)


def _empty(value: Json) -> str:
    """Return the colour of credits: of none there is a warning."""
    return "red" if isinstance(value, int | Decimal) and value <= 0 else ""


def _used(value: Json, look: Look) -> str:
    return human.when(value, look) if value is not None or not look.is_people else "never"


KEYS = View(
    columns=(
        Column("NAME", "name", is_flexible=True, least=16),
        Column("STATUS", "shown_status", human.state, human.tone),
        Column("CREDITS", "credit_balance", figures.amount, _empty, is_right=True),
        Column("BUDGET", "budgets", tightest, budget_views.tightest_tone),
        Column("OF", "budgets", _of, rank=4),
        Column("5 MIN", "calls", human.number, is_right=True, rank=1),
        Column("SEEN", "last_used_at", _used, is_right=True, rank=2),
        Column("OWNER", "owner", is_flexible=True, rank=5),
        Column("RPM/TPM", "", _rates, is_right=True, rank=6),
        Column("MODELS", "models", human.allowed, is_flexible=True, rank=7),
        Column("RPM", "rate_limit_rpm", human.number, is_wide=True, is_right=True),
        Column("TPM", "rate_limit_tpm", human.number, is_wide=True, is_right=True),
        Column("ORG", "org_id", is_wide=True, is_flexible=True),
        Column("EXPIRES", "expires_at", human.when, is_wide=True),
        Column("KEY", "prefix", is_wide=True),
        Column("ID", "id", is_wide=True),
    ),
    empty="no keys yet; make one: prismctl keys create NAME, or n with --write",
)


def arranged(rows: Sequence[Object], calls: Mapping[str, int]) -> list[Object]:
    """Return the keys with what is shown of them besides; what is over last."""
    found: list[Object] = [
        {**row, "shown_status": status(row), "calls": calls.get(as_text(row.get("id")), 0)}
        for row in rows
    ]
    return sorted(found, key=lambda row: _ORDER.get(as_text(row.get("shown_status")), 0))


def status(key: Object) -> str:
    """Return the word for a key's status."""
    word = as_text(key.get("status"))
    return "expired" if word == "active" and key.get("is_expired") is True else word


def name_of(key: Object) -> str:
    """Return what a person calls it."""
    return as_text(key.get("name")) or as_text(key.get("id"))


def word(key: Object, keys: Sequence[Object]) -> str:
    """Return how the command line is told which key: by its name, where that is plain and alone."""
    name, key_id = as_text(key.get("name")), as_text(key.get("id"))
    is_plain = _WORD.fullmatch(name) is not None and not name.startswith("key_")
    is_alone = sum(row.get("name") == name for row in keys) <= 1
    return name if is_plain and is_alone else key_id


def words(keys: Sequence[Object]) -> Callable[[Object], str]:
    """Return what tells the command line which key."""
    return lambda key: word(key, keys)
