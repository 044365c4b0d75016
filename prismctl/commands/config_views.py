"""How the configuration in force is shown."""

from prismctl.jsontext import Json
from prismctl.output import human
from prismctl.output.table import Column, View


def _lines(value: Json, look: human.Look) -> str:
    return "; ".join(human.plain(item, look) for item in value) if isinstance(value, list) else ""


STATE = View(
    columns=(
        Column("HASH", "hash", human.short_hash),
        Column("SOURCE", "source"),
        Column("LOADED", "loaded_at", human.moment),
        Column("LAST ERROR", "last_error.problems", _lines),
        Column("NEEDS RESTART", "needs_restart", human.plain),
    ),
    name="hash",
)
