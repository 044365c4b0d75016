import pytest

from prismctl.output import bars
from prismctl.output.human import Look
from tests.prismctl.support import NOW

UNICODE = Look(is_people=True, is_unicode=True, now=NOW)
ASCII = Look(is_people=True, is_unicode=False, now=NOW)


@pytest.mark.parametrize(
    ("used", "held", "whole", "unicode", "plain"),
    [
        (0, 0, 100, "░░░░░░░░░░", ".........."),
        (25, 10, 100, "███▒░░░░░░", "###=......"),
        (4, 0, 100, "░░░░░░░░░░", ".........."),
        (100, 0, 100, "██████████", "##########"),
        (250, 50, 100, "██████████", "##########"),
        (90, 50, 100, "█████████▒", "#########="),
        (0, 0, 0, "██████████", "##########"),
    ],
)
def test_a_bar_has_its_width_whatever_is_in_it(
    used: int, held: int, whole: int, unicode: str, plain: str
) -> None:
    assert bars.bar(used, held, whole, UNICODE) == unicode
    assert bars.bar(used, held, whole, ASCII) == plain


def test_a_hundred_per_cent_is_said_only_when_nothing_is_left() -> None:
    assert bars.percent(999_999, 1_000_000) == 99
    assert bars.percent(1_000_000, 1_000_000) == 100
    assert bars.percent(0, 0) == 100
