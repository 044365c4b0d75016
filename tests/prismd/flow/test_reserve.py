"""What is held for a call: the most that its prompt can be, within what a model can read."""

import pytest

from prismd.flow.reserve import hold_amount
from prismd.kernel.money import PicoUsd
from prismd.providers.base import Endpoint, ProviderSpec, Upstream
from prismd.routing.catalog import Provider
from prismd.routing.offer import Targets, make_offer
from prismd.routing.plan import Attempt
from prismd.wire.price import ModelFacts, Price, Unit

PRICE = Price({Unit.INPUT: PicoUsd(1_000)}, source="config")
"""A nano-dollar per token of a prompt."""


def targets(*windows: int | None) -> Targets:
    spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)
    upstream: Upstream = object()  # type: ignore[assignment]
    provider = Provider("p", spec, None, upstream, None, is_local=False)
    attempts = [Attempt(provider, "m", Endpoint("/x")) for _ in windows]
    facts = [ModelFacts(PRICE, window) for window in windows]
    return make_offer(attempts, facts, drained=(), timeouts_s={"p": 1.0}, edition=(0, 0)).every


@pytest.mark.parametrize(
    ("windows", "held"),
    [
        ((None,), 500),
        ((1_000,), 500),
        ((300,), 300),
        ((300, 400), 400),
        ((300, None), 500),
        ((100,), 200),
    ],
    ids=["unknown", "wide", "narrow", "the widest counts", "one unknown", "narrower than likely"],
)
def test_a_prompt_is_held_at_its_most_within_the_window(
    windows: tuple[int | None, ...], held: int
) -> None:
    assert hold_amount(targets(*windows), 200, 500, 0) == held
