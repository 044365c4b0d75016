"""How tight a budget is: its limit in words, the share that is spent, a bar of it."""

from prismctl.commands import amounts
from prismctl.jsontext import Json, Object, as_object, as_text
from prismctl.output import bars
from prismctl.output.human import Look
from prismctl.tui import figures, values

_BAR = 6
"""Cells."""


def limit(value: Json, look: Look) -> str:
    """Write what may be spent in which window: ``$50/month``."""
    row = as_object(value)
    amount = figures.amount(row.get("limit"), look).removesuffix(".00")
    return f"{amount}/{amounts.window_word(as_text(row.get('window')))}"


def gauge(budget: Json, look: Look) -> str:
    """Draw what is spent and held of a budget."""
    row = budget if isinstance(budget, dict) else {}
    spent, held, limit = nanos(row)
    return f"{bars.bar(spent, held, limit, look, width=_BAR)} {bars.percent(spent, limit):>3}%"


def share(row: Object) -> int:
    """Return how many per cent of a budget are spent."""
    spent, _, limit = nanos(row)
    return bars.percent(spent, limit)


def nanos(row: Object) -> tuple[int, int, int]:
    """Return spent, held and limit of a budget."""
    spent, held, limit = (
        values.whole(row.get(f"{name}_nano_usd")) for name in ("spent", "held", "limit")
    )
    return spent, held, limit
