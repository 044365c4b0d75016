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
        (None, "", ""),
    ],
)
def test_dollars(value: Json, people: str, pipe: str) -> None:
    assert human.dollars(value, PEOPLE) == people
    assert human.dollars(value, PIPE) == pipe


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("2026-11-23T11:59:30Z", "30s ago"),
        ("2026-11-23T11:00:00Z", "1h ago"),
        ("2026-11-20T12:00:00+00:00", "3d ago"),
        ("2026-11-25T13:00:00Z", "in 2d"),
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
    assert human.millis(Decimal("1234.5"), PEOPLE) == "1.23 s"
    assert human.millis(Decimal("0.75"), PEOPLE) == "0.75 ms"
