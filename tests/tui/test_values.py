"""Whatever a feed holds, a field is what it should be."""

from decimal import Decimal

import pytest

from prismctl.tui import values


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (Decimal("1.5"), 1.5),
        (True, 0.0),
        ("7", 0.0),
        (None, 0.0),
        (Decimal("1e999999"), 0.0),
        (10**400, 0.0),
        (Decimal("NaN"), 0.0),
        (Decimal(-2), -2.0),
        ([1], 0.0),
    ],
)
def test_a_number_is_finite(value: object, number: float) -> None:
    assert values.real(value) == number  # type: ignore[arg-type]


def test_counts_are_not_negative_and_whole() -> None:
    assert [values.count(value) for value in (-3, Decimal("2.9"), 5, "x")] == [0, 2, 5, 0]


def test_a_text_is_cut() -> None:
    assert len(values.text("x" * 10_000)) == values.MAX_TEXT
    assert values.text(5) == ""


def test_a_histogram_of_another_length_is_none() -> None:
    assert values.counts([1, 2, "x"], 3) == (1, 2, 0)
    assert values.counts([1, 2], 3) == ()
    assert values.counts("ab", 2) == ()


def test_bounds_rise_or_are_none() -> None:
    assert values.bounds([1, Decimal("2.5"), 3]) == (1.0, 2.5, 3.0)
    assert values.bounds([2, 1]) == ()
    assert values.bounds(None) == ()


def test_objects_are_picked_out_of_anything() -> None:
    assert values.objects([{"a": 1}, 2, None, {"b": 1}], 10) == [{"a": 1}, {"b": 1}]
    assert values.objects({"a": 1}, 10) == ()
