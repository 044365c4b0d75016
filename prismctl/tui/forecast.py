"""How long a budget lasts at the pace of its window. Pure; knows no screen.

The pace is what was spent since the window began, divided by the time since then. A budget that was
reset in its window has spent it in less time than that: then it is slower here than it was.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from prismctl.jsontext import Json, Object
from prismctl.tui import figures, values

MIN_S = 60.0
"""A window that has just begun has no pace yet."""
NANO = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is to be expected."""

    state: str
    """``exceeded``, ``warning`` (before the window ends), ``ok`` or ``idle``."""
    text: str
    dollars_per_h: float = 0.0
    left_s: float | None = None
    """Until nothing is left; None where that is not to be seen."""


def pace(budget: Object, now: datetime) -> Pace:
    """Return how long a budget lasts."""
    spent, limit = (values.whole(budget.get(f"{name}_nano_usd")) for name in ("spent", "limit"))
    held = values.count(budget.get("held_nano_usd"))
    started = moment(budget.get("window_starts_at")) or moment(budget.get("created_at"))
    elapsed_s = (now - started).total_seconds() if started else 0.0
    per_s = spent / elapsed_s if elapsed_s >= MIN_S else 0.0
    per_h = per_s * 3600 / NANO
    if spent >= limit:
        return Pace(state="exceeded", text="used up", dollars_per_h=per_h, left_s=0.0)
    if per_s <= 0:
        return Pace(state="idle", text="no pace yet" if spent else "unused")
    left_s = max(0.0, (limit - spent - held) / per_s)
    ends = moment(budget.get("resets_at"))
    if ends is not None and left_s >= (ends - now).total_seconds():
        return Pace(state="ok", text="lasts", dollars_per_h=per_h, left_s=left_s)
    text = f"in {figures.span(left_s)}"
    # Without an end of the window every pace uses it up some day.
    state = "warning" if ends is not None else "ok"
    return Pace(state=state, text=text, dollars_per_h=per_h, left_s=left_s)


def moment(value: Json) -> datetime | None:
    """Read a time of the API; None if it is none."""
    try:
        found = datetime.fromisoformat(values.text(value))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
