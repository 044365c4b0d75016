"""Money as integers. Prices are pico-dollars per unit, amounts are nano-dollars; never a float.

1 pico-dollar per token is 1 micro-dollar per million tokens, so every public price is an integer.
Reading and writing go through decimal text, so that nothing is lost between JSON and the ledger.
"""

from decimal import Decimal, InvalidOperation
from typing import NewType

NanoUsd = NewType("NanoUsd", int)
"""An amount: 10⁻⁹ US dollars."""

PicoUsd = NewType("PicoUsd", int)
"""A price per unit, or an exact cost before rounding: 10⁻¹² US dollars."""

NANO_PER_USD = 1_000_000_000
PICO_PER_NANO = 1_000
PICO_PER_USD = NANO_PER_USD * PICO_PER_NANO
MAX_USD = 10_000_000
"""The largest amount accepted from outside, in dollars."""

_decimal = "{}.{:09d}".format
"""Writes dollars and what is left of them in nano-dollars."""


def parse_dollars(text: str, *, decimals: int) -> Decimal:
    """Read plain decimal dollars exactly.

    Raises:
        ValueError: not a finite decimal number, more decimals than that, or over ``MAX_USD``.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        msg = f"{text!r} is not a decimal number of dollars"
        raise ValueError(msg) from None
    if not amount.is_finite():
        msg = "the amount must be a finite number of dollars"
        raise ValueError(msg)
    if abs(amount) > MAX_USD:
        msg = f"the amount is over the limit of {MAX_USD} dollars"
        raise ValueError(msg)
    if amount != amount.quantize(Decimal(1).scaleb(-decimals)):
        msg = f"the amount has more than {decimals} decimals"
        raise ValueError(msg)
    return amount


def parse_usd(text: str) -> NanoUsd:
    """Read an amount in plain decimal dollars; raises like ``parse_dollars``, to nano-dollars."""
    return NanoUsd(int(parse_dollars(text, decimals=9) * NANO_PER_USD))


def format_usd(nano: int) -> str:
    """Write nano-dollars as plain decimal dollars: no exponent, no trailing zeros, or ``0``."""
    if nano < 0:
        return f"-{format_usd(-nano)}"
    return _decimal(*divmod(nano, NANO_PER_USD)).rstrip("0").rstrip(".")


def format_price(price: PicoUsd, per: int) -> str:
    """Write what ``per`` units cost as plain decimal dollars, exactly."""
    dollars, pico = divmod(price * per, PICO_PER_USD)
    return f"{dollars}.{pico:012d}".rstrip("0").rstrip(".")


def ceil_to_nano(pico: int) -> int:
    """Round an exact cost up to whole nano-dollars; done once per request."""
    return -(-pico // PICO_PER_NANO)


def pico_per_unit(usd: Decimal, per: int) -> PicoUsd:
    """Turn a public price (dollars for ``per`` units) into pico-dollars per unit, rounding up."""
    dollars, divisor = usd.as_integer_ratio()
    return PicoUsd(-(-dollars * PICO_PER_USD // (divisor * per)))
