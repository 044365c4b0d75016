"""A budget as a line: state, bar, numbers, pace."""

from textual.content import Content

from prismctl.jsontext import Object, as_text
from prismctl.output import bars, human
from prismctl.output.human import Look
from prismctl.tui import figures, forecast
from prismctl.tui import look as looks
from prismctl.tui.forecast import Pace
from prismctl.tui.screens import tight

_TONES = {"ok": "good", "warning": "warn", "exceeded": "bad"}


def tone(budget: Object) -> str:
    """Return the colour of a budget."""
    return _TONES.get(as_text(budget.get("state")), "accent")


def bar(budget: Object, width: int, look: Look) -> Content:
    """Draw what is spent, then what running calls hold, then what is left."""
    spent, held, limit = tight.nanos(budget)
    cells = [round(min(1.0, amount / limit) * width) if limit > 0 else width
             for amount in (spent, spent + held)]  # fmt: skip
    full = max(1, cells[0]) if spent > 0 else 0
    some = max(0, cells[1] - full)
    glyphs = looks.glyphs(look)
    return looks.line(
        (glyphs.full * full, tone(budget)),
        ("▒" * some if look.is_unicode else "=" * some, tone(budget)),
        (glyphs.rest * (width - full - some), "track"),
    )


def line(budget: Object, width: int, look: Look) -> Content:
    """Draw a budget in one line."""
    spent, _, limit = tight.nanos(budget)
    paced = forecast.pace(budget, look.now)
    words = looks.line(
        (f" {bars.percent(spent, limit):>3}%", tone(budget)),
        f"  {figures.amount(budget.get('spent'), look)} of {tight.limit(budget, look)}  ",
        pace(paced, look),
    )
    head = looks.fitted(looks.state(as_text(budget.get("state")), look), 11, look)
    room = max(6, min(24, width - head.cell_length - words.cell_length))
    return looks.fitted(head + bar(budget, room, look) + words, width, look)


def pace(paced: Pace, look: Look) -> Content:
    """Write how long a budget lasts: glyph, words, colour."""
    sign = human.state(paced.state, look).partition(" ")[0]
    colour = {"exceeded": "bad", "warning": "warn", "ok": "good"}.get(paced.state, "dim")
    return looks.text(f"{sign} {paced.text}", colour)
