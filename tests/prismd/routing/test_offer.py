"""An offer knows which targets have prices, how much fits, and whether answers are drained."""

from functools import partial

from prismd.kernel.money import PicoUsd
from prismd.metering.billing import upper_bound
from prismd.providers.base import Endpoint, ProviderSpec, Upstream
from prismd.routing.catalog import Provider
from prismd.routing.offer import make_offer as make
from prismd.routing.plan import Attempt
from prismd.wire.price import ModelFacts, Price, Tier, Unit

PRICE = Price({}, source="config")


def attempt(name: str) -> Attempt:
    spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)
    upstream: Upstream = object()  # type: ignore[assignment]
    return Attempt(Provider(name, spec, None, upstream, None, is_local=False), "m", Endpoint("/x"))


FIRST, SECOND = attempt("first"), attempt("second")
make_offer = partial(make, timeouts_s={"first": 1.0, "second": 2.0})


def test_targets_without_a_price_are_left_out_of_the_priced_ones() -> None:
    facts = [ModelFacts(None, 10), ModelFacts(PRICE, 20)]
    offer = make_offer([FIRST, SECOND], facts, drained=(), edition=(1, 2))
    assert offer.every.attempts == (FIRST, SECOND)
    assert offer.every.prices == (None, PRICE)
    assert offer.every.context_tokens == 10
    assert offer.priced is not None
    assert offer.priced.attempts == (SECOND,)
    assert offer.priced.context_tokens == 20
    assert (offer.every.timeout_s, offer.priced.timeout_s) == (1.0, 2.0)
    assert offer.told() == {"targets": ["first/m", "second/m"]}
    assert offer.edition == (1, 2)


def test_one_object_where_all_have_a_price_and_none_where_none_has() -> None:
    offer = make_offer([FIRST], [ModelFacts(PRICE)], drained=(), edition=(0, 0))
    assert offer.priced is offer.every
    assert offer.every.context_tokens is None
    assert make_offer([FIRST], [ModelFacts()], drained=(), edition=(0, 0)).priced is None


def test_an_offer_is_drained_if_any_of_its_answers_is() -> None:
    facts = [ModelFacts(PRICE), ModelFacts()]
    offer = make_offer([FIRST, SECOND], facts, drained={"second"}, edition=(0, 0))
    assert offer.every.is_drained
    assert offer.priced is not None
    assert not offer.priced.is_drained


def test_a_call_is_bounded_by_the_dearest_of_its_targets() -> None:
    steep = Price({Unit.OUTPUT: PicoUsd(9_000)}, source="config")
    tier = Tier(100, {Unit.INPUT: PicoUsd(50_000)})
    tiered = Price({Unit.INPUT: PicoUsd(4_000)}, source="config", tiers=(tier,))
    facts = [ModelFacts(steep), ModelFacts(tiered), ModelFacts()]
    offer = make_offer([FIRST, SECOND, SECOND], facts, drained=(), edition=(0, 0))
    for input_tokens, output_tokens in ((10, 20), (20, 1), (101, 20)):
        bounds = [
            upper_bound(priced, input_tokens=input_tokens, output_tokens=output_tokens)
            for priced in (offer.every, steep, tiered)
        ]
        assert bounds[0] == max(bounds[1:]) > 0
    unpriced = make_offer([FIRST], facts[2:], drained=(), edition=(0, 0)).every
    assert upper_bound(unpriced, input_tokens=9, output_tokens=9) == 0
