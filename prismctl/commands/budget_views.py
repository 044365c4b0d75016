"""How budgets are shown: a table of their own, and a word on them beside their key."""

from prismctl.commands.amounts import window_word
from prismctl.jsontext import Json, Object, as_object, as_objects, as_text
from prismctl.output import bars, human
from prismctl.output.human import Look
from prismctl.output.table import Column, View


def _used(value: Json, look: Look) -> str:
    spent, held, limit = _nanos(as_object(value))
    return f"{bars.bar(spent, held, limit, look)} {bars.percent(spent, limit):>3}%"


def _tone(value: Json) -> str:
    return human.tone(as_object(value).get("state"))


def _hard(value: Json, look: Look) -> str:
    """Say what happens at the limit, in a word for people."""
    if look.is_people and isinstance(value, bool):
        return "refuses" if value else "warns"
    return human.plain(value, look)


def _resets(value: Json, look: Look) -> str:
    return "never" if value is None and look.is_people else human.when(value, look)


def _warn(value: Json, look: Look) -> str:
    return f"at {human.plain(value, look)}%" if look.is_people else human.plain(value, look)


BUDGETS = View(
    columns=(
        Column("SCOPE", "scope"),
        Column("SUBJECT", "subject", is_name=True),
        Column("WINDOW", "window"),
        Column("LIMIT", "limit", human.money, is_right=True),
        Column("SPENT", "spent", human.money, is_right=True, rank=2),
        Column("HELD", "held", human.money, is_right=True, rank=4),
        Column("LEFT", "remaining", human.money, is_right=True),
        Column("USED", "", _used, _tone, rank=1),
        Column("STATE", "state", human.state, human.tone),
        Column("RESETS", "resets_at", _resets, rank=3),
        Column("ID", "id", is_wide=True),
        Column("HARD", "hard", is_wide=True),
        Column("WARN %", "warn_percent", is_wide=True, is_right=True),
        Column("CHANGED", "updated_at", human.when, is_wide=True),
    ),
    empty="no budgets here; make one: prismctl budgets set key:NAME 50/month",
)

BUDGET = View(
    columns=(
        Column("ID", "id"),
        Column("SCOPE", "scope"),
        Column("SUBJECT", "subject"),
        Column("WINDOW", "window"),
        Column("STATE", "state", human.state, human.tone),
        Column("LIMIT", "limit", human.dollars),
        Column("SPENT", "spent", human.dollars),
        Column("HELD", "held", human.dollars),
        Column("LEFT", "remaining", human.dollars),
        Column("USED", "", _used, _tone),
        Column("AT LIMIT", "hard", _hard),
        Column("WARNS", "warn_percent", _warn),
        Column("WINDOW FROM", "window_starts_at", human.moment),
        Column("RESETS", "resets_at", human.moment),
        Column("CREATED", "created_at", human.moment),
        Column("UPDATED", "updated_at", human.moment),
    ),
)


def typed(row: Object, look: Look) -> str:
    """Write a budget as it is typed: ``50/month,soft``."""
    soft = ",soft" if row.get("hard") is False else ""
    return f"{human.plain(row.get('limit'), look)}/{window_word(as_text(row.get('window')))}{soft}"


def budgets(value: Json, look: Look) -> str:
    """Write budgets as ``--budget`` reads them; for people with the share that is spent."""
    return ", ".join(
        f"{typed(row, look)} ({_share(row)}% spent)" if look.is_people else typed(row, look)
        for row in as_objects(value)
    )


def tightest(value: Json, look: Look) -> str:
    """Write, for people, the budget of which most is spent, and how many others there are."""
    rows = as_objects(value)
    if not look.is_people or not rows:
        return budgets(value, look)
    worst = max(rows, key=_share)
    glyph = human.state(worst.get("state"), look).partition(" ")[0]
    others = f" +{len(rows) - 1}" if len(rows) > 1 else ""
    return f"{glyph} {_share(worst)}% of {typed(worst, look)}{others}"


def tightest_tone(value: Json) -> str:
    """Return the colour of the budget of which most is spent."""
    rows = as_objects(value)
    return _tone(max(rows, key=_share)) if rows else ""


def _share(row: Object) -> int:
    spent, _, limit = _nanos(row)
    return bars.percent(spent, limit)


def _nanos(row: Object) -> tuple[int, int, int]:
    values = (row.get(f"{name}_nano_usd") for name in ("spent", "held", "limit"))
    spent, held, limit = (value if isinstance(value, int) else 0 for value in values)
    return spent, held, limit
