"""What a model costs per unit, what a call cost line by line, and how much fits into a model.

Prices are stored with open calls and overrides: ``Price`` is the same after ``msgspec.json``.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import msgspec

from prismd.kernel.money import PicoUsd


class Unit(StrEnum):
    """What can have a price; each is named like the count in ``Usage`` that it is billed by."""

    INPUT = "input_tokens"
    CACHED_INPUT = "cached_input_tokens"
    CACHE_WRITE = "cache_write_tokens"
    AUDIO_INPUT = "audio_input_tokens"
    OUTPUT = "output_tokens"
    REASONING = "reasoning_tokens"
    AUDIO_OUTPUT = "audio_output_tokens"
    IMAGE = "images"
    PAGE = "pages"
    CHARACTER = "characters"
    AUDIO = "audio_ms"
    VIDEO = "video_ms"
    SEARCH = "searches"
    REQUEST = "requests"

    __hash__ = str.__hash__  # that of an enum is Python code, and rates are looked up by unit


PARTS: Mapping[Unit, tuple[Unit, ...]] = {
    Unit.INPUT: (Unit.CACHED_INPUT, Unit.CACHE_WRITE, Unit.AUDIO_INPUT),
    Unit.OUTPUT: (Unit.REASONING, Unit.AUDIO_OUTPUT),
}
"""Whole → its parts. A part without a rate of its own is billed as the rest of its whole."""

PER: Mapping[Unit, int] = {Unit.AUDIO: 1_000, Unit.VIDEO: 1_000}
"""How much of a unit its rate is for, where that is not 1.

Time is counted in milliseconds and priced per second: public prices are per hour, minute or second,
and per millisecond they would not be whole numbers of pico-dollars.
"""

Rates = Mapping[Unit, PicoUsd]
"""Pico-dollars per unit (audio and video: per second). A unit that is absent has no price."""


class Tier(msgspec.Struct, frozen=True):
    """All rates of calls with more input tokens than ``above``."""

    above: int
    rates: Rates


class Price(msgspec.Struct, frozen=True, dict=True):
    """A model's rates; above a threshold of input tokens the whole call is billed at the tier's."""

    rates: Rates
    source: str
    """``org``, ``override``, ``config``, ``fake``, ``genai-prices``, ``gap-table`` or ``local``."""
    tiers: tuple[Tier, ...] = ()
    """Ascending."""

    @cached_property
    def dearest(self) -> tuple["Dearest", ...]:
        """What tokens cost at most, without a tier and in each; found once per price."""
        bounds = [_dearest(0, self.rates)]
        bounds += [_dearest(tier.above, tier.rates) for tier in self.tiers]
        return tuple(bounds)

    @cached_property
    def plain(self) -> "PlainRates | None":
        """The rates that the bills of most calls need, if no others can be; found once."""
        rates = self.rates
        per_input, per_output = rates.get(Unit.INPUT), rates.get(Unit.OUTPUT)
        if self.tiers or per_input is None or per_output is None:
            return None
        if Unit.REASONING in rates or Unit.REQUEST in rates:
            return None
        return PlainRates(per_input, per_output, rates.get(Unit.CACHED_INPUT))


class PlainRates(NamedTuple):
    """What input and output cost where neither their amount, nor thought, nor the call does."""

    input_pico_usd: PicoUsd
    output_pico_usd: PicoUsd
    cached_input_pico_usd: PicoUsd | None
    """None: it is billed as other input is."""


class Dearest(NamedTuple):
    """The highest rates that a call with more input tokens than ``above`` can be billed at."""

    above: int
    input_pico_usd: PicoUsd
    output_pico_usd: PicoUsd
    request_pico_usd: PicoUsd


def _dearest(above: int, rates: Rates) -> Dearest:
    none = PicoUsd(0)
    highest = {
        whole: max(rates.get(unit, none) for unit in (whole, *parts))
        for whole, parts in PARTS.items()
    }
    request = rates.get(Unit.REQUEST, none)
    return Dearest(above, highest[Unit.INPUT], highest[Unit.OUTPUT], request)


def amount_of(unit: Unit, quantity: int, rate: PicoUsd) -> int:
    """Return what a quantity costs in pico-dollars; a part of one is rounded up."""
    exact = quantity * rate
    return -(-exact // PER[unit]) if unit in PER else exact


class PriceLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a bill. Parts have lines of their own, and are not in the line of their whole."""

    unit: Unit
    quantity: int
    price_pico_usd: PicoUsd
    """Per unit; per second for ``audio_ms`` and ``video_ms``."""
    amount_pico_usd: int


class Bill(msgspec.Struct, frozen=True, gc=False):
    """What one call cost."""

    lines: tuple[PriceLine, ...]
    cost_pico_usd: int
    """The exact sum of the lines."""
    cost_nano_usd: int
    """The same, rounded up."""
    source: str
    unpriced: tuple[Unit, ...] = ()
    """What was used and has no rate, so it is in no line."""


class ModelFacts(msgspec.Struct, frozen=True, gc=False):
    """What is known of a model from price data: nothing, its price, its context window."""

    price: Price | None = None
    context_tokens: int | None = None


class PriceOverride(msgspec.Struct, frozen=True, kw_only=True):
    """A price that the operator has set, in place of the public one. Kept in the database."""

    id: str
    model: str
    """As clients name the model, or as the vendor does."""
    provider: str | None
    """Provider id; None: whoever serves the model."""
    org_id: str | None
    """None: for everybody."""
    rates: Rates
    created_at_s: int
    updated_at_s: int

    def price(self) -> Price:
        """Return it as the price of a model."""
        return Price(self.rates, source="override" if self.org_id is None else "org")
