"""A plot as text: stacks, gaps, legends, with and without colours."""

from datetime import UTC, datetime

import pytest

from prismctl.output.human import Look
from prismctl.tui.widgets import plot
from prismctl.tui.widgets.plot import Group, Plot

PEOPLE = Look(is_people=True, is_unicode=True, now=datetime(2026, 11, 26, tzinfo=UTC))
ASCII = Look(is_people=True, is_unicode=False, now=PEOPLE.now)
NOON_S = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


def made(*series: list[float], unit: str = "$", bucket: str = "hour") -> Plot:
    size = {"hour": 3_600, "minute": 60, "day": 86_400}[bucket]
    count = len(series[0]) if series else 3
    names = "abcdefgh"
    return Plot(
        groups=[Group(name=names[at], values=values, figure=f"${sum(values):g}")
                for at, values in enumerate(series)],
        times=[NOON_S + (at - count + 1) * size for at in range(count)],
        bucket=bucket,
        unit=unit,
    )  # fmt: skip


def rows(one: Plot, width: int, height: int, look: Look = ASCII, **kwargs: bool) -> list[str]:
    drawn = plot.drawn(one, width, height, look, is_colored=kwargs.get("is_colored", False))
    return [line.rstrip() for line in drawn.plain.split("\n")]


def test_a_stack_a_gap_and_an_axis() -> None:
    assert rows(made([4, 0, 2], [4, 0, 2]), 40, 7) == [
        "# a $6  = b $6",
        "$10 |",
        "    |==========",
        " $5 |##########            ==========",
        "    |##########            ##########",
        " $0 ++----------+----------+------------",
        "     10:00      11:00      12:00",
    ]


@pytest.mark.parametrize("look", [PEOPLE, ASCII])
@pytest.mark.parametrize("is_colored", [True, False])
@pytest.mark.parametrize("size", [(120, 20), (76, 10), (40, 6), (12, 4), (1, 1)])
@pytest.mark.parametrize(
    "one",
    [made([4, 0, 2], [4, 0, 2]), made([1e-9]), made([0, 0]), made(), made([1e15] * 200),
     made(*([1.0] * 60 for _ in range(6)), bucket="minute"), made([3] * 31, bucket="day")],
    ids=["stack", "tiny", "zero", "none", "huge", "minutes", "days"],
)  # fmt: skip
def test_it_never_leaves_its_room(
    one: Plot, size: tuple[int, int], look: Look, is_colored: bool
) -> None:
    width, height = size
    drawn = plot.drawn(one, width, height, look, is_colored=is_colored)
    lines = drawn.split("\n")
    if width >= 40:
        assert max(line.cell_length for line in lines) <= width
        assert len(lines) <= max(height, 4)
    if not look.is_unicode:
        assert drawn.plain.isascii()


def test_without_colours_each_group_has_a_sign_of_its_own() -> None:
    groups = [[1.0] for _ in range(plot.MAX_GROUPS)]
    for look in (PEOPLE, ASCII):
        signs = {plot.sign(at, look, is_colored=False) for at in range(plot.MAX_GROUPS)}
        assert len(signs) == plot.MAX_GROUPS
        text = "\n".join(rows(made(*groups), 80, 2 + 6 + 2, look))
        for one in signs:
            # In the legend, and in the column.
            assert text.count(one) > 1


def test_with_colours_a_column_is_drawn_in_eighths() -> None:
    assert rows(made([8.0, 4.0]), 30, 7, PEOPLE, is_colored=True) == [
        "■ a $12",
        "$10 │▂▂▂▂▂▂▂▂▂▂▂▔▔▔▔▔▔▔▔▔▔▔▔▔▔",
        "    │███████████",
        " $5 │███████████▔▅▅▅▅▅▅▅▅▅▅▅▔▔",
        "    │███████████ ███████████",
        " $0 └┴───────────┴────────────",
        "     11:00       12:00",
    ]


def test_one_cell_holds_two_groups() -> None:
    drawn = plot.drawn(made([3.0], [7.0]), 12, 4, PEOPLE, is_colored=True)
    assert [str(span.style) for span in drawn.spans if " on " in str(span.style)] == [
        "$series-1 on $series-2"
    ]


def test_hostile_names_are_harmless() -> None:
    one = Plot(groups=[Group(name="\x1b[2J\u202e[bold]", values=[1], figure="$1")],
               times=[NOON_S], bucket="hour")  # fmt: skip
    for width in (120, 60):
        text = plot.drawn(one, width, 12, PEOPLE, is_colored=True).plain
        assert "\x1b" not in text
        assert "\\x1b[2J" in text
