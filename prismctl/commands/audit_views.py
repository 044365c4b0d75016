"""How entries of the audit log are shown."""

from prismctl.jsontext import Json
from prismctl.output import human
from prismctl.output.table import Column, View


def changes(value: Json, look: human.Look) -> str:
    """Write ``field: before → after`` for each field."""
    if not isinstance(value, dict):
        return ""
    arrow = "→" if look.is_unicode else "->"
    parts = []
    for field, pair in value.items():
        before, after = pair if isinstance(pair, list) else (None, pair)
        old = "" if before is None else f"{human.plain(before, look)} {arrow} "
        parts.append(f"{field}: {old}{human.plain(after, look)}")
    return ", ".join(parts)


ENTRIES = View(
    columns=(
        Column("NO", "id", is_right=True),
        Column("TIME", "created_at", human.when),
        Column("WHO", "actor", is_name=True),
        Column("ACTION", "action"),
        Column("OBJECT", "object_id", is_flexible=True, is_name=True),
        Column("CHANGES", "changes", changes, is_flexible=True),
        Column("FROM", "ip", is_wide=True),
        Column("REQUEST", "request_id", is_wide=True),
    ),
    empty="nothing has been changed",
)
VERDICT = View(
    columns=(
        Column("SOUND", "is_sound"),
        Column("ENTRIES", "entries", human.number),
        Column("HEAD", "head"),
        Column("FIRST BROKEN", "first_broken"),
        Column("REASON", "reason"),
    )
)
