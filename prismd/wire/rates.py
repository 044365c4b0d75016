"""Rates as people write them: dollars per million tokens, per image, per second.

The names are the same in the configuration, in overrides and in answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from prismd.kernel.money import format_price, pico_per_unit
from prismd.wire.price import PARTS, Rates, Unit


@dataclass(frozen=True, slots=True)
class RateField:
    """One rate as it is written."""

    name: str
    per: int = 1
    """How many units the amount is for; of audio and video, how many seconds."""

    @property
    def decimals(self) -> int:
        """How many decimals are exact: 10⁻¹² dollars per unit."""
        return 12 - len(str(self.per)) + 1


FIELDS: Mapping[Unit, RateField] = {
    Unit.INPUT: RateField("input_per_mtok", 1_000_000),
    Unit.CACHED_INPUT: RateField("cached_input_per_mtok", 1_000_000),
    Unit.CACHE_WRITE: RateField("cache_write_per_mtok", 1_000_000),
    Unit.AUDIO_INPUT: RateField("audio_input_per_mtok", 1_000_000),
    Unit.OUTPUT: RateField("output_per_mtok", 1_000_000),
    Unit.REASONING: RateField("reasoning_per_mtok", 1_000_000),
    Unit.AUDIO_OUTPUT: RateField("audio_output_per_mtok", 1_000_000),
    Unit.IMAGE: RateField("per_image"),
    Unit.PAGE: RateField("per_page"),
    Unit.CHARACTER: RateField("per_mchar", 1_000_000),
    Unit.AUDIO: RateField("per_audio_second"),
    Unit.VIDEO: RateField("per_video_second"),
    Unit.SEARCH: RateField("per_search"),
    Unit.REQUEST: RateField("per_request"),
}


def read_rates(dollars: Mapping[str, Decimal | None]) -> Rates:
    """Turn written amounts, by field name, into rates; None is a rate that is not given.

    Raises:
        ValueError: no rate at all, or a part has one and its whole has none.
    """
    rates = {
        unit: pico_per_unit(amount, field.per)
        for unit, field in FIELDS.items()
        if (amount := dollars.get(field.name)) is not None
    }
    if not rates:
        msg = f"has no rate: give one of {', '.join(field.name for field in FIELDS.values())}"
        raise ValueError(msg)
    for whole, parts in PARTS.items():
        for part in parts:
            if part in rates and whole not in rates:
                msg = f"has {FIELDS[part].name}, but not {FIELDS[whole].name} for the rest"
                raise ValueError(msg)
    return rates


def write_rates(rates: Rates) -> dict[str, str]:
    """Return plain decimal dollars by field name, exactly."""
    return {
        field.name: format_price(rates[unit], field.per)
        for unit, field in FIELDS.items()
        if unit in rates
    }
