from dataclasses import replace
from decimal import Decimal

import pytest

from prismctl.jsontext import Json
from prismctl.output import human
from prismctl.output.human import Look
from tests.prismctl.support import NOW

PEOPLE = Look(is_people=True, is_unicode=True, now=NOW)
PIPE = replace(PEOPLE, is_people=False)


@pytest.mark.parametrize(
    ("value", "people", "pipe"),
    [
        (Decimal("0.000006"), "$0.000006", "0.000006"),
        (Decimal("10.5"), "$10.50", "10.5"),
        (10, "$10.00", "10"),
        (Decimal("0.1000"), "$0.10", "0.1000"),
        (Decimal("-0.5"), "-$0.50", "-0.5"),
        (None, "", ""),
    ],
)
def test_dollars(value: Json, people: str, pipe: str) -> None:
    assert human.dollars(value, PEOPLE) == people
    assert human.dollars(value, PIPE) == pipe


@pytest.mark.parametrize(
    ("value", "people"),
    [
        (Decimal("12.345678901"), "$12.3457"),
        (Decimal("0.123456789"), "$0.123457"),
        (Decimal("0.000000001"), "$0.000000001"),
        (Decimal("-3.00001"), "-$3.00"),
        (0, "$0.00"),
    ],
)
def test_money_in_a_table_is_rounded_for_people_but_never_to_nothing(
    value: Json, people: str
) -> None:
    assert human.money(value, PEOPLE) == people
    assert human.money(value, PIPE) == human.plain(value, PIPE)


def test_pico_dollars_are_dollars_and_a_gain_has_its_sign() -> None:
    assert human.pico_dollars(1_250_000, PEOPLE) == "$0.00000125"
    assert human.pico_dollars(1_250_000, PIPE) == "0.00000125"
    assert human.change(5, PEOPLE) == "+$5.00"
    assert human.change(-5, PEOPLE) == "-$5.00"
    assert human.change(5, PIPE) == "5"


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("2026-11-23T11:59:30Z", "30s ago"),
        ("2026-11-23T11:00:00Z", "1h ago"),
        ("2026-11-20T12:00:00+00:00", "3d ago"),
        ("2026-11-25T13:00:00Z", "in 2d"),
        ("2026-11-23T12:00:00.5Z", "0s ago"),
        ("not a time", "not a time"),
        ("2026-11-23T11:00:00", "2026-11-23T11:00:00"),
    ],
)
def test_times_are_relative_for_people_only(text: str, people: str) -> None:
    assert human.when(text, PEOPLE) == people
    assert human.when(text, PIPE) == text


def test_an_allow_list_says_any_none_or_its_names() -> None:
    assert human.allowed(None, PEOPLE) == "any"
    assert human.allowed([], PEOPLE) == human.allowed([], PIPE) == "none"
    assert human.allowed(["a", "b"], PIPE) == "a,b"


def test_numbers_are_formatted_for_people_only() -> None:
    assert human.number(12345, PEOPLE) == "12,345"
    assert human.number(12345, PIPE) == "12345"
    assert human.share(Decimal("0.875"), PEOPLE) == "87.5%"
    assert human.share(Decimal("0.875"), PIPE) == "0.875"
    assert human.millis(Decimal("0.829"), PIPE) == "0.829"


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        ("0", "0 ms"),
        ("0.057", "0.06 ms"),
        ("0.829", "0.83 ms"),
        ("9.876", "9.88 ms"),
        ("98.76", "98.8 ms"),
        ("999.4", "999 ms"),
        ("999.6", "1.00 s"),
        ("1234.5", "1.23 s"),
        ("99994", "99.99 s"),
        ("99996", "100 s"),
        ("9999000", "9,999 s"),
    ],
)
def test_a_duration_is_short(value_ms: str, text: str) -> None:
    assert human.millis(Decimal(value_ms), PEOPLE) == text
