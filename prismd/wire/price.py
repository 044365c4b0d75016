"""What a model costs, and how much fits into it."""

from dataclasses import dataclass

from prismd.kernel.money import PicoUsd


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices per token, in pico-dollars."""

    input: PicoUsd
    cached_input: PicoUsd
    output: PicoUsd


@dataclass(frozen=True, slots=True)
class Price:
    """A model's rates; above a threshold of input tokens the whole call is billed at the tier's."""

    rates: Rates
    source: str
    """``config``, ``genai-prices``, ``fake`` or ``local``."""
    tiers: tuple[tuple[int, Rates], ...] = ()
    """(input tokens above which it applies, rates), ascending."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model from price data: nothing, its price, its context window."""

    price: Price | None = None
    context_tokens: int | None = None
