"""The ``prices`` table: what the operator has set in place of the public prices."""

import msgspec

from prismd.kernel.money import PicoUsd
from prismd.store.db import Database, Row, Tx
from prismd.wire.price import PriceOverride, Unit

_RATES = msgspec.json.Decoder(dict[Unit, PicoUsd])

_PUT = """
INSERT INTO prices (id, model, provider, org_id, rates, created_at_s, updated_at_s)
VALUES (:id, :model, :provider, :org_id, :rates, :created_at_s, :updated_at_s)
ON CONFLICT (id) DO UPDATE SET rates = excluded.rates, updated_at_s = excluded.updated_at_s
"""


def put(tx: Tx, override: PriceOverride) -> None:
    """Add an override, or write the new rates of the one with this id."""
    tx.execute(
        _PUT,
        {
            "id": override.id,
            "model": override.model,
            "provider": override.provider,
            "org_id": override.org_id,
            "rates": msgspec.json.encode(override.rates).decode(),
            "created_at_s": override.created_at_s,
            "updated_at_s": override.updated_at_s,
        },
    )


def delete(tx: Tx, override_id: str) -> None:
    """Remove an override."""
    tx.execute("DELETE FROM prices WHERE id = :id", {"id": override_id})


async def load_all(db: Database) -> list[PriceOverride]:
    """Return every override; done once, at start."""
    return [_from_row(row) for row in await db.rows("SELECT * FROM prices ORDER BY id", {})]


def _from_row(row: Row) -> PriceOverride:
    stored = msgspec.convert(row, _StoredPrice)
    return PriceOverride(
        id=stored.id,
        model=stored.model,
        provider=stored.provider,
        org_id=stored.org_id,
        rates=_RATES.decode(stored.rates),
        created_at_s=stored.created_at_s,
        updated_at_s=stored.updated_at_s,
    )


class _StoredPrice(msgspec.Struct):
    """A row of ``prices``, with its types checked."""

    id: str
    model: str
    provider: str | None
    org_id: str | None
    rates: str
    created_at_s: int
    updated_at_s: int
