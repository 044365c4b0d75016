"""How much Claude may think: efforts as budgets of tokens, and budgets within an answer's limit."""

from prismd.wire.conversation import Reasoning

MIN_BUDGET = 1_024
"""The least that a model may be given to think."""
_EFFORTS = {"none": 0, "minimal": 1_024, "low": 2_048, "medium": 8_192}
_HIGH = 16_384


def is_exact(reasoning: Reasoning) -> bool:
    """Say whether the caller named a number of tokens."""
    return reasoning.budget_tokens is not None and reasoning.budget_tokens >= 0


def budget_of(reasoning: Reasoning) -> int:
    """Return the tokens that a caller grants; 0: it wants no thoughts."""
    if reasoning.budget_tokens is not None and reasoning.budget_tokens >= 0:
        return reasoning.budget_tokens
    return _EFFORTS.get(reasoning.effort or "medium", _HIGH)


def fitted_budget(budget: int, limit: int | None) -> int | None:
    """Fit a budget into the limit of an answer, which counts its thoughts; None: no room."""
    budget = max(MIN_BUDGET, budget)
    if limit is None or limit > budget:
        return budget
    return None if limit <= MIN_BUDGET else max(MIN_BUDGET, limit // 2)
