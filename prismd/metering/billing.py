"""Bills: what a call costs at a price, and what it can cost at most.

All in whole pico-dollars, and rounded up to nano-dollars once per call. The rest of a whole (input
tokens that are neither cached, nor written, nor audio) is billed at the whole's rate, and so are
parts that have no rate of their own.
"""

from prismd.kernel.money import NanoUsd, PicoUsd, ceil_to_nano
from prismd.wire.common import Usage
from prismd.wire.price import PARTS, Bill, Price, PriceLine, Rates, Unit, amount_of

_COUNTED = tuple(
    (whole, whole.value, tuple((part, part.value) for part in parts))
    for whole in Unit
    if whole not in {part for parts in PARTS.values() for part in parts}
    for parts in (PARTS.get(whole, ()),)
)
"""Each whole with its parts, and the names of their counts."""
_ALL_INPUT = (Unit.INPUT, *PARTS[Unit.INPUT])
_ALL_OUTPUT = (Unit.OUTPUT, *PARTS[Unit.OUTPUT])


def bill(price: Price, usage: Usage) -> Bill:
    """Bill a call, exactly.

    Parts never exceed their whole: what a vendor reports beyond it is not billed. Where they would
    together, the earlier in ``PARTS`` counts (tokens that are cached and audio count as cached).
    """
    rates = _rates_at(price, usage.input_tokens)
    lines, unpriced = [], []
    for unit, quantity in _quantities(rates, usage):
        rate = rates.get(unit)
        if rate is not None:
            lines.append(PriceLine(unit, quantity, rate, amount_of(unit, quantity, rate)))
        elif unit is not Unit.REQUEST:  # most vendors do not charge for calls as such
            unpriced.append(unit)
    exact = PicoUsd(sum(line.amount_pico_usd for line in lines))
    return Bill(tuple(lines), exact, ceil_to_nano(exact), price.source, tuple(unpriced))


def upper_bound(price: Price, *, input_tokens: int, output_tokens: int) -> NanoUsd:
    """Return what one call with at most so many tokens can cost: all at the dearest rates.

    What is not counted in tokens (images, searches, seconds) is not in it; a fee per call is.
    """
    reachable = [price.rates, *(tier.rates for tier in price.tiers if tier.above < input_tokens)]
    exact = max(
        [
            input_tokens * _dearest(rates, _ALL_INPUT)
            + output_tokens * _dearest(rates, _ALL_OUTPUT)
            + rates.get(Unit.REQUEST, 0)
            for rates in reachable
        ]
    )
    return ceil_to_nano(PicoUsd(exact))


def _rates_at(price: Price, input_tokens: int) -> Rates:
    rates = price.rates
    for tier in price.tiers:
        if input_tokens > tier.above:
            rates = tier.rates
    return rates


def _quantities(rates: Rates, usage: Usage) -> list[tuple[Unit, int]]:
    """Return what was used, without zeros; each token is in exactly one of the counts."""
    found: list[tuple[Unit, int]] = []
    for whole, name, parts in _COUNTED:
        rest: int = getattr(usage, name)
        if not rest:
            continue
        place = len(found)
        for part, part_name in parts:
            count = getattr(usage, part_name)
            if count and part in rates:
                count = min(count, rest)
                rest -= count
                if count:
                    found.append((part, count))
        if rest:
            found.insert(place, (whole, rest))
    return found


def _dearest(rates: Rates, units: tuple[Unit, ...]) -> int:
    return max([rates.get(unit, 0) for unit in units])
