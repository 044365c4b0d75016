"""Sums of usage as rooms show them, to the operator and to the holder of a key."""

from collections.abc import Sequence

from pydantic import BaseModel

from prismd.endpoints.replies import Usd, usd
from prismd.store.db import Row
from prismd.store.usage import SUMS

COUNTS = tuple(name for name in SUMS if name != "cost_nano_usd")


class Sums(BaseModel):
    """Sums over calls that reached a provider."""

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    unpriced_requests: int
    """Calls of models without a price: they are in no cost."""
    estimated_requests: int
    """Calls whose provider did not say what they used, so we counted."""
    cost: Usd
    cost_nano_usd: int


def sums_of(rows: Sequence[Row]) -> dict[str, object]:
    """Add up rows of a report."""
    totals: dict[str, object] = {name: sum(int(row[name] or 0) for row in rows) for name in COUNTS}
    return totals | usd("cost", sum(int(row["cost_nano_usd"] or 0) for row in rows))


def row_view(row: Row) -> dict[str, object]:
    """Return one row of a report with its cost in dollars."""
    return dict(row) | usd("cost", int(row["cost_nano_usd"] or 0))
