from collections.abc import Mapping

import msgspec
import pytest

from prismd.kernel import clock
from prismd.kernel.clock import parse_iso
from prismd.kernel.money import PicoUsd
from prismd.metering.billing import bill
from prismd.metering.overrides import PriceOverrides
from prismd.metering.prices import PriceBook, PricedModel
from prismd.providers.base import ProviderSpec
from prismd.wire.common import Usage
from prismd.wire.price import ModelFacts, Price, PriceOverride, Rates, Unit


def tokens(input_: int, output: int) -> Rates:
    return {Unit.INPUT: PicoUsd(input_), Unit.OUTPUT: PicoUsd(output)}


def priced(
    model: str,
    prices_id: str | None = None,
    *,
    facts: ModelFacts | None = None,
    is_local: bool = False,
) -> PricedModel:
    spec = ProviderSpec(
        type="x", title="x", docs_url="x", base_url=None, prices_id=prices_id, facts=facts
    )
    return PricedModel("here", spec, model, is_local)


def override(
    model: str, rate: int, *, provider: str | None = None, org_id: str | None = None
) -> PriceOverride:
    return PriceOverride(
        id=f"prc_{model}_{provider}_{org_id}",
        model=model,
        provider=provider,
        org_id=org_id,
        rates=tokens(rate, rate),
        created_at_s=0,
        updated_at_s=0,
    )


def book(
    own: Mapping[str, Price] | None = None, overrides: PriceOverrides | None = None
) -> PriceBook:
    return PriceBook(own or {}, overrides or PriceOverrides())


class TestChain:
    def test_org_then_override_then_config_then_the_vendors_own(self) -> None:
        everybodys, orgs = override("m", 2), override("m", 1, org_id="o")
        overrides = PriceOverrides([everybodys, orgs])
        prices = book({"m": Price(tokens(3, 3), "config")}, overrides)
        model = priced("m", facts=ModelFacts(Price(tokens(4, 4), "fake"), 128), is_local=True)

        def source(org_id: str | None = None) -> str | None:
            facts = prices.facts("m", model, org_id)
            assert facts.context_tokens == 128
            return facts.price.source if facts.price else None

        assert (source("o"), source("another"), source()) == ("org", "override", "override")
        overrides.remove(orgs)
        assert source("o") == "override"
        overrides.remove(everybodys)
        assert source("o") == "config"
        assert prices.facts("other", priced("n", facts=model.spec.facts)) == model.spec.facts

    def test_a_price_of_ones_own_is_found_by_any_name_of_the_model(self) -> None:
        asked, at, vendors = (Price(tokens(rate, rate), "config") for rate in (1, 2, 3))
        prices = book({"asked": asked, "here/m": at, "m": vendors})
        assert prices.facts("asked", priced("m")).price is asked
        assert prices.facts("alias", priced("m")).price is at
        assert book({"m": vendors}).facts("alias", priced("m")).price is vendors

    def test_a_provider_on_loopback_costs_nothing_unless_an_override_says_so(self) -> None:
        local = priced("gpt-4o", "openai", is_local=True)
        price = book().facts("gpt-4o", local).price
        assert price is not None
        assert price.source == "local"
        everything = bill(price, msgspec.convert({unit.value: 5 for unit in Unit}, Usage))
        assert (everything.cost_pico_usd, everything.unpriced) == (0, ())
        own = {"gpt-4o": Price(tokens(3, 3), "config")}
        assert book(own).facts("gpt-4o", local).price == own["gpt-4o"]
        set_here = PriceOverrides([override("gpt-4o", 2)])
        price = book(own, set_here).facts("gpt-4o", local).price
        assert price is not None
        assert price.source == "override"

    def test_public_data_then_our_own_table_then_unknown(self) -> None:
        def source(model: str, vendor: str | None) -> str | None:
            price = book().facts("x", priced(model, vendor)).price
            return price.source if price else None

        assert source("gpt-4o", "openai") == "genai-prices"
        assert source("rerank-v3.5", "cohere") == "gap-table"
        assert source("no-such", "openai") is None
        assert source("gpt-4o", None) is None

    def test_an_override_is_found_by_the_clients_name_and_by_the_vendors(self) -> None:
        prices = book(overrides=PriceOverrides([override("public", 1), override("theirs", 2)]))

        def rate(public_name: str, model: str) -> int | None:
            price = prices.facts(public_name, priced(model)).price
            return price.rates[Unit.INPUT] if price else None

        assert rate("public", "theirs") == 1
        assert rate("alias", "theirs") == 2
        assert rate("alias", "m") is None

    def test_the_narrower_override_wins(self) -> None:
        overrides = PriceOverrides(
            [
                override("m", 1),
                override("m", 2, provider="here"),
                override("m", 3, org_id="o"),
                override("m", 4, provider="elsewhere", org_id="o"),
            ]
        )
        prices = book(overrides=overrides)

        def rate(org_id: str | None) -> int | None:
            price = prices.facts("m", priced("m"), org_id).price
            return price.rates[Unit.INPUT] if price else None

        assert rate(None) == 2
        assert rate("another") == 2
        assert rate("o") == 3
        overrides.put(override("m", 5, provider="here", org_id="o"))
        assert rate("o") == 5


def test_a_price_by_the_hour_is_looked_up_again_when_its_hours_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prices, deepseek = book(), priced("deepseek-chat", "deepseek")

    def input_rate_at(moment: str) -> PicoUsd:
        at_s = parse_iso(moment)
        monkeypatch.setattr(clock, "wall_s", lambda: at_s)
        price = prices.facts("x", deepseek).price
        assert price is not None
        return price.rates[Unit.INPUT]

    day = input_rate_at("2025-06-02T16:29:59Z")
    night = input_rate_at("2025-06-02T16:30:00Z")
    assert night < day
    assert input_rate_at("2025-06-03T00:29:59Z") == night
    assert input_rate_at("2025-06-03T00:30:00Z") == day
