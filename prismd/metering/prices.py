"""The price chain: config → the vendor's own table → genai-prices (offline data) → unknown.

``genai-prices`` takes about 0.3 s to import, so it is loaded on first use; ``warm`` does that in a
thread right after start. Nothing here ever goes to the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from prismd.kernel import clock
from prismd.kernel.money import NanoUsd, PicoUsd, ceil_to_nano, pico_per_token
from prismd.providers.base import ProviderSpec
from prismd.wire.common import Usage
from prismd.wire.price import ModelFacts, Price, Rates

MAX_REMEMBERED = 4_096
"""Models whose facts are remembered at once."""

REMEMBERED_S = 1_800
"""Some vendors are cheaper at night: their hours begin on the hour or half past (UTC)."""

_LOCAL = Price(Rates(PicoUsd(0), PicoUsd(0), PicoUsd(0)), source="local")


def cost_of(price: Price, usage: Usage) -> NanoUsd:
    """Return what a call costs, exact in pico-dollars and rounded up once."""
    rates = price.rates
    for above, tier in price.tiers:
        if usage.input_tokens > above:
            rates = tier
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    exact = (
        (usage.input_tokens - cached) * rates.input
        + cached * rates.cached_input
        + usage.output_tokens * rates.output
    )
    return ceil_to_nano(PicoUsd(exact))


@dataclass(frozen=True, slots=True)
class PricedModel:
    """Which model to price: the vendor's table, the name there, and whether it is self-hosted."""

    spec: ProviderSpec
    model: str
    is_local: bool


class PriceBook:
    """Prices of one config. Answers are remembered until the clock's next half hour, at most."""

    def __init__(self, overrides: Mapping[str, Price]) -> None:
        self._overrides = dict(overrides)
        self._facts: dict[tuple[str, str, bool], ModelFacts] = {}
        self._period = 0

    def facts(self, public_name: str, priced: PricedModel) -> ModelFacts:
        """Return what is known of a model; the operator's own price wins."""
        key = (priced.spec.type, priced.model, priced.is_local)
        period = clock.now_s() // REMEMBERED_S
        if period != self._period or len(self._facts) >= MAX_REMEMBERED:  # names may be a caller's
            self._period = period
            self._facts.clear()
        known = self._facts.get(key)
        if known is None:
            known = self._facts[key] = _look_up(priced)
        own = self._overrides.get(public_name) or self._overrides.get(priced.model)
        return ModelFacts(own, known.context_tokens) if own else known


def warm() -> None:
    """Load the price data; call it in a thread."""
    _public_facts("openai", "gpt-4o-mini")


def _look_up(priced: PricedModel) -> ModelFacts:
    spec = priced.spec
    if spec.facts is not None:
        return spec.facts
    if priced.is_local:
        return ModelFacts(_LOCAL)
    if spec.prices_id is None:
        return ModelFacts()
    return _public_facts(spec.prices_id, priced.model)


def _public_facts(provider_id: str, model: str) -> ModelFacts:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  # 0.3 s, see above
    from genai_prices.types import TieredPrices  # noqa: PLC0415

    try:
        _, info = get_snapshot().find_provider_model(model, None, provider_id, None)
    except LookupError:
        return ModelFacts()
    prices = info.get_prices(clock.utc_now())

    def rates(above: int) -> Rates | None:
        def pick(price: Decimal | TieredPrices | None) -> Decimal | None:
            if not isinstance(price, TieredPrices):
                return price
            fitting = [tier.price for tier in price.tiers if above >= tier.start]
            return fitting[-1] if fitting and above else price.base

        input_, output = pick(prices.input_mtok), pick(prices.output_mtok)
        if input_ is None or output is None:
            return None
        cached = pick(prices.cache_read_mtok)
        return Rates(
            pico_per_token(input_),
            pico_per_token(input_ if cached is None else cached),
            pico_per_token(output),
        )

    base = rates(0)
    if base is None:
        return ModelFacts(None, info.context_window)
    starts = sorted(
        {
            tier.start
            for price in (prices.input_mtok, prices.output_mtok)
            if isinstance(price, TieredPrices)
            for tier in price.tiers
        }
    )
    tiers = tuple((start, tier) for start in starts if (tier := rates(start)) is not None)
    return ModelFacts(Price(base, "genai-prices", tiers), info.context_window)
