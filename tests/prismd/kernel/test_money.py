from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel.money import (
    MAX_USD,
    NANO_PER_USD,
    NanoUsd,
    PicoUsd,
    ceil_to_nano,
    format_price,
    format_usd,
    parse_usd,
    pico_per_unit,
)


@given(st.integers(-MAX_USD * NANO_PER_USD, MAX_USD * NANO_PER_USD))
def test_writing_and_reading_lose_nothing(nano: int) -> None:
    text = format_usd(NanoUsd(nano))
    assert "e" not in text.lower()
    assert parse_usd(text) == nano


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "Infinity", "", "1,5", "0.0000000001", "10000000.01", "x", "1e-999999999"),
        "1.00000000000000000000000000000000001",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|decimal"):
        parse_usd(text)


def test_amounts_are_written_plainly() -> None:
    assert format_usd(NanoUsd(1)) == "0.000000001"
    assert format_usd(NanoUsd(0)) == "0"
    assert format_usd(NanoUsd(-1_500_000_000)) == "-1.5"
    assert format_usd(NanoUsd(20 * NANO_PER_USD)) == "20"


@pytest.mark.parametrize(
    ("usd", "per", "pico"),
    [
        ("0.01875", 1_000_000, 18_750),  # per million tokens
        ("0.04", 1, 40_000_000_000),  # per image
        ("0.000000000001", 1, 1),
        ("0", 1, 0),
        ("12345.6", 1_000_000, 12_345_600_000),
    ],
)
def test_prices_are_whole_numbers_and_written_as_they_were_read(
    usd: str, per: int, pico: int
) -> None:
    price = pico_per_unit(Decimal(usd), per)
    assert price == pico
    assert format_price(price, per) == usd


def test_a_price_that_is_no_whole_number_is_rounded_up() -> None:
    assert pico_per_unit(Decimal("0.111"), 3_600) == 30_833_334  # per hour, into seconds
    assert pico_per_unit(Decimal("0.0000001"), 1_000_000) == 1


@given(st.integers(0, 10**30))
def test_rounding_goes_up_and_by_less_than_a_nano_dollar(pico: int) -> None:
    nano = ceil_to_nano(PicoUsd(pico))
    assert 0 <= nano * 1000 - pico < 1000
