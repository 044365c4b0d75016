"""How calls are shown: in a list, one by one, and the bill of one."""

from prismctl.jsontext import Json, Object, as_text
from prismctl.output import human
from prismctl.output.human import Look
from prismctl.output.table import Column, View

FIRST_FAILURE = 400
_GLYPHS = {False: ("●", "*", "green"), True: ("✕", "x", "red")}


def status(value: Json, look: Look) -> str:
    """Write an HTTP status: with a glyph for people."""
    text = human.plain(value, look)
    if not look.is_people or not isinstance(value, int):
        return text
    glyph, fallback, _ = _GLYPHS[value >= FIRST_FAILURE]
    return f"{glyph if look.is_unicode else fallback} {text}"


def status_tone(value: Json) -> str:
    """Return the colour of an HTTP status."""
    return _GLYPHS[value >= FIRST_FAILURE][2] if isinstance(value, int) else ""


def key_name(call: Object) -> str:
    """Return what the key of a call is called: its name, else its id."""
    return as_text(call.get("key_name")) or as_text(call.get("key_id"))


REQUESTS = View(
    columns=(
        Column("TIME", "created_at", human.when),
        Column("STATUS", "status", status, status_tone),
        Column("ERROR", "error_code", is_flexible=True, least=10, rank=1),
        Column("KEY", "key_name", is_flexible=True, is_name=True),
        Column("MODEL", "model", is_flexible=True, is_name=True),
        Column("PROVIDER", "provider", is_flexible=True, rank=3),
        Column("IN", "usage.input_tokens", human.number, is_right=True, rank=5),
        Column("OUT", "usage.output_tokens", human.number, is_right=True, rank=4),
        Column("TOOK", "latency_ms", human.millis, is_right=True),
        Column("COST", "cost", human.money, is_right=True, rank=2),
        Column("ID", "id", is_flexible=True, least=15),
        Column("KEY ID", "key_id", is_wide=True),
        Column("OWNER", "owner", is_wide=True),
        Column("ORG", "org_id", is_wide=True),
        Column("UPSTREAM MODEL", "upstream_model", is_wide=True),
        Column("FIRST BYTE", "first_byte_ms", human.millis, is_wide=True, is_right=True),
        Column("ATTEMPTS", "attempts", human.number, is_wide=True, is_right=True),
        Column("STREAM", "is_stream", is_wide=True),
        Column("COMPLETE", "is_complete", is_wide=True),
        Column("BODIES", "has_bodies", is_wide=True),
        Column("TAGS", "tags", human.labels, is_wide=True),
    ),
    empty="no such calls",
)

REQUEST = View(
    columns=(
        Column("ID", "id"),
        Column("TIME", "created_at", human.moment),
        Column("KEY", "key_name"),
        Column("KEY ID", "key_id"),
        Column("OWNER", "owner"),
        Column("ORG", "org_id"),
        Column("MODEL", "model"),
        Column("PROVIDER", "provider"),
        Column("UPSTREAM MODEL", "upstream_model"),
        Column("STATUS", "status", status, status_tone),
        Column("ERROR", "error_code"),
        Column("STREAM", "is_stream"),
        Column("COMPLETE", "is_complete"),
        Column("INPUT TOKENS", "usage.input_tokens", human.number),
        Column("OUTPUT TOKENS", "usage.output_tokens", human.number),
        Column("COST", "cost", human.dollars),
        Column("PRICE FROM", "price_source"),
        Column("TAGS", "tags", human.labels),
        Column("FIRST BYTE", "first_byte_ms", human.millis),
        Column("TOTAL", "latency_ms", human.millis),
        Column("BODIES KEPT", "has_bodies"),
    )
)
