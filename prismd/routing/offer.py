"""What a call may be sent to: the planned attempts, and what is known of their models."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec

from prismd.routing.plan import Attempt
from prismd.wire.price import Dearest, ModelFacts, Price

OfferName: TypeAlias = tuple[str, str, tuple[str, ...] | None, str | None]
"""What an offer depends on, but for what is in force: model, op, a key's providers, its org."""


class Targets(msgspec.Struct, frozen=True, eq=False):
    """Attempts in their order."""

    attempts: tuple[Attempt, ...]
    prices: tuple[Price | None, ...]
    """What each of them costs."""
    dearest: tuple[Dearest, ...]
    """What tokens cost at most at any of these prices."""
    context_tokens: int | None
    """The smallest context window that is known."""
    longest_context_tokens: int | None
    """The largest; None when that of one is not known."""
    timeout_s: float
    """How long a caller waits for all of them: as long as for the first."""
    is_drained: bool
    """Whether one of the answers is read to its end although the client has left."""


class Offer(msgspec.Struct, frozen=True, eq=False):
    """What a call may be sent to, with and without the models whose price is not known."""

    edition: tuple[int, float]
    """Of the prices."""
    every: Targets
    priced: Targets | None
    """None when no model has a price."""

    def told(self) -> dict[str, object]:
        """Return what the trace says of it."""
        steps = self.every.attempts
        return {"targets": [f"{step.provider.id}/{step.model}" for step in steps]}


def make_offer(
    attempts: Sequence[Attempt],
    facts: Sequence[ModelFacts],
    *,
    drained: Collection[str],
    timeouts_s: Mapping[str, float],
    edition: tuple[int, float],
) -> Offer:
    """Put an offer together.

    Args:
        attempts: As planned, at least one.
        facts: What is known of the model of each.
        drained: Ids of providers whose answers are read to their end in every case.
        timeouts_s: Provider id → how long a caller waits for it.
        edition: Of the prices in ``facts``.
    """
    known = list(zip(attempts, facts, strict=True))
    priced = [(attempt, fact) for attempt, fact in known if fact.price is not None]
    every = _targets(known, drained, timeouts_s)
    if len(priced) == len(known):
        return Offer(edition, every, every)
    return Offer(edition, every, _targets(priced, drained, timeouts_s) if priced else None)


def _targets(
    known: Sequence[tuple[Attempt, ModelFacts]],
    drained: Collection[str],
    timeouts_s: Mapping[str, float],
) -> Targets:
    contexts = [fact.context_tokens for _, fact in known]
    windows = [tokens for tokens in contexts if tokens is not None]
    prices = tuple(fact.price for _, fact in known)
    dearest = {rates: None for price in prices if price is not None for rates in price.dearest}
    return Targets(
        tuple(attempt for attempt, _ in known),
        prices,
        tuple(dearest),
        min(windows, default=None),
        max(windows) if len(windows) == len(contexts) else None,
        timeouts_s[known[0][0].provider.id],
        any(attempt.provider.id in drained for attempt, _ in known),
    )
