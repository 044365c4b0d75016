"""An offer knows which targets have prices, how much fits, and whether answers are drained."""

from prismd.providers.base import Endpoint, ProviderSpec, Upstream
from prismd.routing.catalog import Provider
from prismd.routing.offer import make_offer
from prismd.routing.plan import Attempt
from prismd.wire.price import ModelFacts, Price

PRICE = Price({}, source="config")


def attempt(name: str) -> Attempt:
    spec = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)
    upstream: Upstream = object()  # type: ignore[assignment]
    return Attempt(Provider(name, spec, None, upstream, None, is_local=False), "m", Endpoint("/x"))


FIRST, SECOND = attempt("first"), attempt("second")


def test_targets_without_a_price_are_left_out_of_the_priced_ones() -> None:
    facts = [ModelFacts(None, 10), ModelFacts(PRICE, 20)]
    offer = make_offer([FIRST, SECOND], facts, drained=(), edition=(1, 2))
    assert offer.every.attempts == (FIRST, SECOND)
    assert offer.every.prices == (None, PRICE)
    assert offer.every.context_tokens == 10
    assert offer.priced is not None
    assert offer.priced.attempts == (SECOND,)
    assert offer.priced.context_tokens == 20
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
