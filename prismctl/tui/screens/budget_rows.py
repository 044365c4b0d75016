"""Budgets as rows: whose they are by name, and how long they last."""

from collections.abc import Mapping, Sequence

from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View
from prismctl.tui import figures, forecast
from prismctl.tui.screens import tight


def _used(value: Json, look: Look) -> str:
    glyph = human.state(as_object(value).get("state"), look).partition(" ")[0]
    return f"{glyph} {tight.gauge(value, look)}"


def _tone(value: Json) -> str:
    return human.tone(as_object(value).get("state"))


def _pace(value: Json, look: Look) -> str:
    pace = as_object(value)
    glyph = human.state(pace.get("state"), look).partition(" ")[0]
    return f"{glyph} {human.plain(pace.get('text'), look)}"


def _pace_tone(value: Json) -> str:
    state = as_object(value).get("state")
    return "dim" if state in ("ok", "idle") else human.tone(state)


def _resets(value: Json, look: Look) -> str:
    return "never" if value is None else human.when(value, look).removeprefix("in ")


def _at_limit(value: Json, look: Look) -> str:
    return "refuses" if value is True else "warns" if value is False else human.plain(value, look)


BUDGETS = View(
    columns=(
        Column("WHOSE", "whose", is_flexible=True, least=12),
        Column("LIMIT", "", tight.limit, is_right=True),
        Column("SPENT", "spent", figures.amount, is_right=True),
        Column("USED", "", _used, _tone),
        Column("PACE", "pace", _pace, _pace_tone),
        Column("LEFT", "remaining", figures.amount, is_right=True, rank=2),
        Column("RESETS", "resets_at", _resets, is_right=True, rank=1),
        Column("AT LIMIT", "hard", _at_limit, rank=3),
        Column("HELD", "held", figures.amount, is_right=True, rank=4),
        Column("ID", "id", is_wide=True),
    ),
    empty="no budgets yet; make one: prismctl budgets set key:NAME 50/month, or n with --write",
)


def arranged(rows: Sequence[Object], names: Mapping[str, str], look: Look) -> list[Object]:
    """Return the budgets with what is shown of them besides; what is tightest first."""
    found: list[Object] = []
    for row in rows:
        paced = forecast.pace(row, look.now)
        found.append(
            {
                **row,
                "whose": f"{as_text(row.get('scope'))}:{whose(row, names)}",
                "pace": {"state": paced.state, "text": paced.text},
            }
        )
    return sorted(found, key=lambda row: -tight.share(row))


def whose(budget: Object, names: Mapping[str, str]) -> str:
    """Return the subject as a person calls it."""
    subject = as_text(budget.get("subject"))
    return names.get(subject) or subject if budget.get("scope") == "key" else subject


def names_of(keys: Sequence[Object]) -> dict[str, str]:
    """Return the name of each key, by its id."""
    return {as_text(row.get("id")): as_text(row.get("name")) for row in keys}
