import pytest

from prismd.dialects.thinking import budget_of, fitted_budget, is_exact
from prismd.wire.conversation import Reasoning


@pytest.mark.parametrize(
    ("reasoning", "budget", "exact"),
    [
        (Reasoning(budget_tokens=2_000), 2_000, True),
        (Reasoning(budget_tokens=0, effort="high"), 0, True),
        (Reasoning(budget_tokens=-1), 8_192, False),
        (Reasoning(effort="none"), 0, False),
        (Reasoning(effort="low"), 2_048, False),
        (Reasoning(effort="of_tomorrow"), 16_384, False),
    ],
)
def test_an_effort_is_a_budget(reasoning: Reasoning, budget: int, *, exact: bool) -> None:
    assert (budget_of(reasoning), is_exact(reasoning)) == (budget, exact)


@pytest.mark.parametrize(
    ("budget", "limit", "fitted"),
    [
        (8_192, None, 8_192),
        (100, None, 1_024),
        (8_192, 9_000, 8_192),
        (8_192, 8_192, 4_096),
        (8_192, 1_500, 1_024),
        (8_192, 1_024, None),
    ],
)
def test_a_budget_leaves_room_for_words(budget: int, limit: int | None, fitted: int | None) -> None:
    assert fitted_budget(budget, limit) == fitted
