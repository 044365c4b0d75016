"""Bills: what a call costs at a price, and what it can cost at most.

All in whole pico-dollars, and rounded up to nano-dollars once per call. The rest of a whole (input
tokens that are neither cached, nor written, nor audio) is billed at the whole's rate, and so are
parts that have no rate of their own.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec.structs import astuple

from prismd.kernel.money import ceil_to_nano
from prismd.wire.common import Usage
from prismd.wire.price import PARTS, Bill, Dearest, Price, PriceLine, Rates, Unit, amount_of


def _named(units: Iterable[Unit]) -> tuple[tuple[Unit, str], ...]:
    """Return units with the names of their counts in ``Usage``."""
    return tuple((unit, unit.value) for unit in units)


_INPUT_PARTS = _named(PARTS[Unit.INPUT])
_OUTPUT_PARTS = _named(PARTS[Unit.OUTPUT])
_DIVIDED = {Unit.INPUT, Unit.OUTPUT, *PARTS[Unit.INPUT], *PARTS[Unit.OUTPUT]}
_UNDIVIDED = _named(unit for unit in Unit if unit not in _DIVIDED)
_NOTHING_ELSE = [*astuple(Usage(requests=1))[4:]]
"""The end of a usage that is tokens in and out, some cached or thought, as that of most calls."""


def bill(price: Price, usage: Usage) -> Bill:
    """Bill a call, exactly.

    Parts never exceed their whole: what a vendor reports beyond it is not billed. Where they would
    together, the earlier in ``PARTS`` counts (tokens that are cached and audio count as cached).
    """
    input_tokens, output_tokens, cached_tokens, _, *others = astuple(usage)
    plain = price.plain
    if (
        plain is None
        or others != _NOTHING_ELSE
        or not output_tokens
        or cached_tokens >= input_tokens
    ):
        return _bill_each(price, usage)
    per_input, per_output, per_cached = plain
    cached: tuple[PriceLine, ...] = ()
    exact = 0
    if cached_tokens and per_cached is not None:
        input_tokens -= cached_tokens
        exact = cached_tokens * per_cached
        cached = (PriceLine(Unit.CACHED_INPUT, cached_tokens, per_cached, exact),)
    of_input, of_output = input_tokens * per_input, output_tokens * per_output
    exact += of_input + of_output
    lines = (
        PriceLine(Unit.INPUT, input_tokens, per_input, of_input),
        *cached,
        PriceLine(Unit.OUTPUT, output_tokens, per_output, of_output),
    )
    return Bill(lines, exact, ceil_to_nano(exact), price.source)


def _bill_each(price: Price, usage: Usage) -> Bill:
    """Bill everything that a call can have used."""
    rates = _rates_at(price, usage.input_tokens)
    lines, unpriced = [], []
    for unit, quantity in _quantities(rates, usage):
        rate = rates.get(unit)
        if rate is not None:
            lines.append(PriceLine(unit, quantity, rate, amount_of(unit, quantity, rate)))
        elif unit is not Unit.REQUEST:  # most vendors do not charge for calls as such
            unpriced.append(unit)
    exact = sum(line.amount_pico_usd for line in lines)
    return Bill(tuple(lines), exact, ceil_to_nano(exact), price.source, tuple(unpriced))


class Priced(Protocol):
    """A price, or the prices of all that a call may be sent to."""

    @property
    def dearest(self) -> tuple[Dearest, ...]:
        """What tokens cost at most."""
        ...


def upper_bound(priced: Priced, *, input_tokens: int, output_tokens: int) -> int:
    """Return what one call with at most so many tokens can cost: all at the dearest rates.

    What is not counted in tokens (images, searches, seconds) is not in it; a fee per call is.
    In nano-dollars.
    """
    most = 0
    for above, per_input, per_output, per_request in priced.dearest:
        if above < input_tokens or not above:
            most = max(most, input_tokens * per_input + output_tokens * per_output + per_request)
    return ceil_to_nano(most)


def _rates_at(price: Price, input_tokens: int) -> Rates:
    rates = price.rates
    for tier in price.tiers:
        if input_tokens > tier.above:
            rates = tier.rates
    return rates


def _quantities(rates: Rates, usage: Usage) -> list[tuple[Unit, int]]:
    """Return what was used, without zeros; each token is in exactly one of the counts."""
    found = _split(rates, usage, Unit.INPUT, usage.input_tokens, _INPUT_PARTS)
    found += _split(rates, usage, Unit.OUTPUT, usage.output_tokens, _OUTPUT_PARTS)
    for unit, name in _UNDIVIDED:
        if count := getattr(usage, name):
            found.append((unit, count))
    return found


def _split(
    rates: Rates, usage: Usage, whole: Unit, count: int, parts: Sequence[tuple[Unit, str]]
) -> list[tuple[Unit, int]]:
    """Return a whole, less its parts that have rates of their own, and these."""
    found: list[tuple[Unit, int]] = []
    if not count:
        return found
    for part, name in parts:
        if (used := getattr(usage, name)) and part in rates and count:
            used = min(used, count)
            count -= used
            found.append((part, used))
    return [(whole, count), *found] if count else found
