from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel import clock
from prismd.kernel.clock import parse_iso
from prismd.kernel.money import PicoUsd
from prismd.metering.prices import PriceBook, PricedModel, cost_of
from prismd.providers.base import ProviderSpec
from prismd.wire.common import Usage
from prismd.wire.price import ModelFacts, Price, Rates


def rates(a: int, b: int, c: int) -> Rates:
    return Rates(PicoUsd(a), PicoUsd(b), PicoUsd(c))


def spec(prices_id: str | None = None, facts: ModelFacts | None = None) -> ProviderSpec:
    return ProviderSpec(
        type="x", title="x", docs_url="x", base_url=None, prices_id=prices_id, facts=facts
    )


counts = st.integers(0, 10**7)


@given(st.tuples(counts, counts, counts), st.tuples(counts, counts, counts))
def test_cost_is_exact_and_rounded_up_once(
    tokens: tuple[int, int, int], prices: tuple[int, int, int]
) -> None:
    (input_, cached, output), (a, b, c) = tokens, prices
    usage = Usage(input_tokens=input_, cached_input_tokens=cached, output_tokens=output)
    really_cached = min(cached, input_)
    exact = Decimal((input_ - really_cached) * a + really_cached * b + output * c) / 1000
    cost = cost_of(Price(rates(a, b, c), "config"), usage)
    assert 0 <= Decimal(cost) - exact < 1


def test_tiny_calls_are_never_free() -> None:
    price = Price(rates(20_000, 20_000, 20_000), "config")
    assert cost_of(price, Usage(input_tokens=20)) == 400
    assert cost_of(Price(rates(1, 1, 1), "config"), Usage(input_tokens=1)) == 1


def test_above_a_threshold_the_whole_call_is_billed_at_the_tier() -> None:
    price = Price(rates(1000, 1000, 1000), "x", tiers=((200, rates(2000, 2000, 3000)),))
    assert cost_of(price, Usage(input_tokens=200, output_tokens=10)) == 210
    assert cost_of(price, Usage(input_tokens=201, output_tokens=10)) == 432


def test_the_chain_config_then_vendor_then_local_then_public_then_unknown() -> None:
    own = Price(rates(1, 1, 1), "config")
    table = ModelFacts(Price(rates(2, 2, 2), "fake"), 128)
    book = PriceBook({"mine": own, "gpt-4o": own})
    assert book.facts("mine", PricedModel(spec(facts=table), "m", is_local=True)) == ModelFacts(
        own, 128
    )
    assert book.facts("other", PricedModel(spec(facts=table), "m", is_local=True)) == table
    local = PriceBook({}).facts("m", PricedModel(spec("openai"), "gpt-4o", is_local=True))
    assert local.price is not None
    assert local.price.source == "local"
    assert cost_of(local.price, Usage(input_tokens=5)) == 0
    assert PriceBook({}).facts("m", PricedModel(spec(), "gpt-4o", is_local=False)).price is None
    unknown = PriceBook({}).facts("m", PricedModel(spec("openai"), "no-such", is_local=False))
    assert unknown == ModelFacts()


def test_public_prices_come_from_the_offline_data_with_context_and_tiers() -> None:
    book = PriceBook({})
    mini = book.facts("x", PricedModel(spec("openai"), "gpt-4o-mini", is_local=False))
    assert mini.price is not None
    assert (mini.price.source, mini.context_tokens) == ("genai-prices", 128_000)
    assert mini.price.rates == rates(150_000, 75_000, 600_000)
    pro = book.facts("x", PricedModel(spec("google"), "gemini-2.5-pro", is_local=False)).price
    assert pro is not None
    (above, tier), *_ = pro.tiers
    assert above == 200_000
    assert tier.input > pro.rates.input


def test_a_price_by_the_hour_is_looked_up_again_when_its_hours_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book, deepseek = PriceBook({}), PricedModel(spec("deepseek"), "deepseek-chat", is_local=False)

    def input_rate_at(moment: str) -> PicoUsd:
        at_s = parse_iso(moment)
        monkeypatch.setattr(clock, "wall_s", lambda: at_s)
        price = book.facts("x", deepseek).price
        assert price is not None
        return price.rates.input

    day = input_rate_at("2025-06-02T16:29:59Z")
    night = input_rate_at("2025-06-02T16:30:00Z")
    assert night < day
    assert input_rate_at("2025-06-03T00:29:59Z") == night
    assert input_rate_at("2025-06-03T00:30:00Z") == day
