"""The arithmetic of a plot: ticks, columns of time, stacks."""

import math
from datetime import UTC, datetime

import pytest

from prismctl.tui import axis

NOON_S = datetime(2026, 11, 26, 12, 5, tzinfo=UTC).timestamp()


def labels(most: float, ticks: int, *, unit: str = "$", is_whole: bool = False) -> list[str]:
    scale = axis.scale(most, ticks, unit=unit, is_whole=is_whole)
    assert scale.count <= ticks
    assert scale.top >= most or most != most  # noqa: PLR0124 - NaN
    return [scale.label(number) for number in range(scale.count + 1)]


@pytest.mark.parametrize(
    ("most", "ticks", "shown"),
    [
        (22.3, 3, ["$0", "$25"]),
        (22.3, 6, ["$0", "$5", "$10", "$15", "$20", "$25"]),
        (0.37, 4, ["$0", "$0.10", "$0.20", "$0.30", "$0.40"]),
        (1.0, 1, ["$0", "$1"]),
        (4_944.28, 5, ["$0", "$1.0k", "$2.0k", "$3.0k", "$4.0k", "$5.0k"]),
        (0.0, 5, ["$0", "$1"]),
        (-3.0, 5, ["$0", "$1"]),
        (1e-9, 4, ["$0", "$2.5e-10", "$5e-10", "$7.5e-10", "$1e-09"]),
        (9.2e15, 2, ["$0", "$5000T", "$10000T"]),
    ],
)
def test_ticks_are_round_and_leave_little_room(most: float, ticks: int, shown: list[str]) -> None:
    assert labels(most, ticks) == shown


def test_there_is_no_half_of_a_call() -> None:
    assert labels(1, 6, unit="", is_whole=True) == ["0", "1"]
    assert labels(3, 6, unit="", is_whole=True) == ["0", "1", "2", "3"]
    assert labels(7, 6, unit="", is_whole=True)[-1] == "8"


@pytest.mark.parametrize("most", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_an_axis_to_one(most: float) -> None:
    assert axis.scale(most, 4).top == 1.0


def test_gaps_are_columns_too() -> None:
    hours = axis.buckets("hour", NOON_S, 86_400)
    assert len(hours) == 25
    assert axis.name("hour", hours[0]) == "2026-11-25T12:00:00Z"
    assert axis.name("hour", hours[-1]) == "2026-11-26T12:00:00Z"
    assert axis.name("minute", axis.buckets("minute", NOON_S, 0)[0]) == "2026-11-26T12:05:00Z"
    days = axis.buckets("day", NOON_S, 7 * 86_400)
    assert [axis.name("day", day) for day in (days[0], days[-1])] == ["2026-11-19", "2026-11-26"]


def test_times_are_written_where_they_are_round() -> None:
    hours = axis.buckets("hour", NOON_S, 86_400)
    found = [axis.caption("hour", hours[at]) for at in axis.marks("hour", hours, 4)]
    assert found == ["12:00", "18:00", "Nov 26", "06:00", "12:00"]
    minutes = axis.buckets("minute", NOON_S, 3_600)
    found = [axis.caption("minute", minutes[at]) for at in axis.marks("minute", minutes, 12)]
    assert found == ["11:15", "11:30", "11:45", "12:00"]
    days = axis.buckets("day", NOON_S, 30 * 86_400)
    found = [axis.caption("day", days[at]) for at in axis.marks("day", days, 6)]
    assert found == ["Oct 29", "Nov 5", "Nov 12", "Nov 19", "Nov 26"]
    assert axis.marks("day", days[-1:], 1_000) == [0]


def test_the_sums_are_rounded_and_not_the_parts() -> None:
    # Three thirds are a whole column, though each of them alone would be rounded down.
    assert axis.stacked([1, 1, 1], 3, 8) == [3, 5, 8]
    assert axis.stacked([0.4] * 10, 4, 10)[-1] == 10
    assert axis.stacked([2, 0, 1], 4, 8) == [4, 4, 6]


def test_what_is_not_nothing_is_seen() -> None:
    assert axis.stacked([1e-9, 0], 100, 8) == [1, 1]
    assert axis.stacked([0, 0], 100, 8) == [0, 0]
    assert axis.stacked([5], 0, 8) == [1]
    assert axis.stacked([-5, 4], 4, 8) == [0, 8]
    assert axis.stacked([1e30], 1, 8) == [8]


def test_neighbours_end_at_the_newest() -> None:
    assert [list(some) for some in axis.neighbours([1, 2, 3, 4, 5], 2)] == [[1], [2, 3], [4, 5]]
    assert [list(some) for some in axis.neighbours([1, 2], 1)] == [[1], [2]]
    assert axis.neighbours([], 3) == []
