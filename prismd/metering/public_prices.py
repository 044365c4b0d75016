"""Public prices from ``genai-prices``: data inside the package, nothing goes to the network.

The package takes about 0.3 s to import, so it is loaded on first use; ``warm`` does that in a
thread right after start.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from prismd.kernel import clock
from prismd.kernel.money import PicoUsd, pico_per_unit
from prismd.wire.price import ModelFacts, Price, Rates, Tier, Unit

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_MILLION, _THOUSAND, _HOUR_S = 1_000_000, 1_000, 3_600

KEYS: tuple[tuple[Unit, str, int], ...] = (
    (Unit.INPUT, "input_mtok", _MILLION),
    (Unit.CACHED_INPUT, "cache_read_mtok", _MILLION),
    (Unit.CACHE_WRITE, "cache_write_mtok", _MILLION),
    (Unit.AUDIO_INPUT, "input_audio_mtok", _MILLION),
    (Unit.OUTPUT, "output_mtok", _MILLION),
    # What is made of an image or a video is reported as output; models that make them make little
    # else, so the dearest rate is the true one.
    (Unit.OUTPUT, "output_image_mtok", _MILLION),
    (Unit.OUTPUT, "output_video_mtok", _MILLION),
    (Unit.REASONING, "output_reasoning_mtok", _MILLION),
    (Unit.AUDIO_OUTPUT, "output_audio_mtok", _MILLION),
    (Unit.PAGE, "input_document_kpages", _THOUSAND),
    (Unit.CHARACTER, "input_mchars", _MILLION),
    (Unit.AUDIO, "audio_hours", _HOUR_S),
    (Unit.AUDIO, "input_audio_hours", _HOUR_S),
    (Unit.SEARCH, "web_searches_kcount", _THOUSAND),
    (Unit.SEARCH, "rerank_searches_kcount", _THOUSAND),
    (Unit.REQUEST, "requests_kcount", _THOUSAND),
)
"""Our unit, the package's name, and how many units its amount is for. Of several the dearest."""


def warm() -> None:
    """Load the price data; call it in a thread."""
    public_facts("openai", "gpt-4o-mini")


def public_facts(vendor_id: str, model: str) -> ModelFacts:
    """Return what the data says now of a vendor's model: prices may depend on the hour."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  # 0.3 s, see above

    try:
        _, info = get_snapshot().find_provider_model(model, None, vendor_id, None)
    except LookupError:
        return ModelFacts()
    prices = info.get_prices(clock.utc_now())
    rates = _rates(prices, 0)
    if not rates:
        return ModelFacts(None, info.context_window)
    tiers = tuple(Tier(above, _rates(prices, above)) for above in _thresholds(prices))
    return ModelFacts(Price(rates, "genai-prices", tiers), info.context_window)


def _thresholds(prices: ModelPrice) -> list[int]:
    """Return the numbers of input tokens above which any price is another one, ascending."""
    from genai_prices.types import TieredPrices  # noqa: PLC0415  # 0.3 s, see above

    tiered = (getattr(prices, key) for _, key, _ in KEYS)
    return sorted(
        {tier.start for price in tiered if isinstance(price, TieredPrices) for tier in price.tiers}
    )


def _rates(prices: ModelPrice, above: int) -> Rates:
    """Return the rates of calls with more input tokens than ``above``; 0: of the smallest."""
    from genai_prices.types import TieredPrices  # noqa: PLC0415  # 0.3 s, see above

    rates: dict[Unit, PicoUsd] = {}
    for unit, key, per in KEYS:
        price = getattr(prices, key)
        if isinstance(price, TieredPrices):
            fitting = [tier.price for tier in price.tiers if above >= tier.start]
            price = fitting[-1] if fitting and above else price.base
        if isinstance(price, Decimal):
            rate = pico_per_unit(price, per)
            rates[unit] = max(rate, rates.get(unit, rate))
    return rates
