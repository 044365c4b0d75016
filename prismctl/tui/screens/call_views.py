"""How calls are shown."""

from prismctl.output import human
from prismctl.output.table import Column, View
from prismctl.tui import figures

CALLS = View(
    columns=(
        Column("TIME", "ts_s", figures.clock),
        Column("STATUS", "status", figures.status, figures.status_tone),
        Column("KEY", "", figures.name_of_key, is_flexible=True, rank=2),
        Column("MODEL", "model", is_flexible=True),
        Column("PROVIDER", "provider", is_flexible=True, rank=3),
        Column("FIRST", "first_byte_ms", figures.millis, is_right=True, rank=4),
        Column("TOTAL", "latency_ms", figures.millis, is_right=True),
        Column("TOKENS", "", figures.tokens, is_right=True, rank=1),
        Column("COST", "cost_nano_usd", figures.cost, is_right=True),
        Column("ERROR", "error_code", is_flexible=True, rank=5),
    ),
    name="request_id",
    empty="no calls yet",
)
CALL = View(
    columns=(
        Column("ID", "request_id"),
        Column("TIME", "ts_s", figures.clock),
        Column("KEY", "key_name"),
        Column("KEY ID", "key_id"),
        Column("OWNER", "owner"),
        Column("ORG", "org_id"),
        Column("OPERATION", "op"),
        Column("MODEL", "model"),
        Column("PROVIDER", "provider"),
        Column("UPSTREAM MODEL", "upstream_model"),
        Column("STATUS", "status", figures.status, figures.status_tone),
        Column("ERROR", "error_code"),
        Column("STREAM", "is_stream"),
        Column("COMPLETE", "is_complete"),
        Column("INPUT TOKENS", "input_tokens", human.number),
        Column("OUTPUT TOKENS", "output_tokens", human.number),
        Column("USAGE", "usage_source"),
        Column("COST", "cost_nano_usd", figures.cost),
        Column("FIRST BYTE", "first_byte_ms", human.millis),
        Column("TOTAL", "latency_ms", human.millis),
        Column("ATTEMPTS", "attempts"),
    ),
    name="request_id",
)
