"""Our own small table: prices that ``genai-prices`` lacks, for models that have one price only.

Every row is from the vendor's public price list, as it was in the month given. A model whose price
depends on size, quality or resolution is not here: a wrong price is worse than none. What is here
is used only when the public data has no price, so a row that it gains needs no change here.
"""

from dataclasses import dataclass
from decimal import Decimal

from prismd.wire.price import Price
from prismd.wire.rates import read_rates


@dataclass(frozen=True, slots=True)
class _Row:
    vendor_id: str
    """As in ``ProviderSpec.prices_id``."""
    model: str
    field: str
    """Name of the rate, as in ``wire.rates.FIELDS``."""
    dollars: str
    as_of: str


_ROWS = (
    # Rerank: one search is one query over up to 100 documents.
    _Row("cohere", "rerank-v4.0-pro", "per_search", "0.0025", "2026-06"),
    _Row("cohere", "rerank-v4.0-fast", "per_search", "0.002", "2026-06"),
    _Row("cohere", "rerank-v3.5", "per_search", "0.002", "2025-12"),
    _Row("cohere", "rerank-english-v3.0", "per_search", "0.002", "2025-12"),
    _Row("cohere", "rerank-multilingual-v3.0", "per_search", "0.002", "2025-12"),
    # Images
    _Row("google", "imagen-4.0-fast-generate-001", "per_image", "0.02", "2025-09"),
    _Row("google", "imagen-4.0-generate-001", "per_image", "0.04", "2025-09"),
    _Row("google", "imagen-4.0-ultra-generate-001", "per_image", "0.06", "2025-09"),
    # Video, sound included
    _Row("openai", "sora-2", "per_video_second", "0.1", "2025-12"),
    _Row("google", "veo-3.0-generate-001", "per_video_second", "0.4", "2025-09"),
    _Row("google", "veo-3.0-fast-generate-001", "per_video_second", "0.15", "2025-09"),
)

_PRICES = {
    (row.vendor_id, row.model): Price(
        read_rates({row.field: Decimal(row.dollars)}), source="gap-table"
    )
    for row in _ROWS
}


def gap_price(vendor_id: str, model: str) -> Price | None:
    """Return our own table's price of a vendor's model."""
    return _PRICES.get((vendor_id, model))
