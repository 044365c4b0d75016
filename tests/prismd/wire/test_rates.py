"""A unit that can be billed has its place everywhere: counted, configured, set and shown."""

from decimal import Decimal

import msgspec
import pytest

from prismd.config.telemetry import ModelPricing
from prismd.endpoints.admin.price_types import PriceSet, UsageInput
from prismd.endpoints.admin.request_types import CallUsage
from prismd.endpoints.model_types import Pricing
from prismd.kernel.money import PicoUsd
from prismd.wire.common import Usage
from prismd.wire.price import Unit
from prismd.wire.rates import FIELDS, read_rates, write_rates

COUNTS = {field.name for field in msgspec.structs.fields(Usage)} - {"is_estimated"}
RATES = {field.name for field in FIELDS.values()}


def test_every_count_is_a_unit_with_a_rate() -> None:
    assert {unit.value for unit in Unit} == COUNTS
    assert set(FIELDS) == set(Unit)
    assert set(UsageInput.model_fields) == COUNTS
    assert set(CallUsage.model_fields) == COUNTS | {"is_estimated"}


def test_every_rate_can_be_configured_set_and_shown() -> None:
    assert set(ModelPricing.model_fields) == RATES
    assert set(PriceSet.model_fields) == RATES | {"model", "provider", "org_id"}
    assert len(Pricing.model_fields) == len(RATES)


def test_rates_are_written_as_they_were_read() -> None:
    dollars = {
        field.name: Decimal(1 + number).scaleb(-field.decimals)
        for number, field in enumerate(FIELDS.values())
    }
    rates = read_rates(dollars)
    assert list(rates.values()) == list(range(1, 15))
    assert {name: Decimal(text) for name, text in write_rates(rates).items()} == dollars


def test_a_rate_of_nothing_is_a_rate() -> None:
    assert read_rates({"input_per_mtok": Decimal(0), "per_image": None}) == {Unit.INPUT: PicoUsd(0)}


@pytest.mark.parametrize(
    "dollars", [{}, {"per_image": None}, {"audio_output_per_mtok": Decimal(1)}]
)
def test_what_is_no_price(dollars: dict[str, Decimal | None]) -> None:
    with pytest.raises(ValueError, match=r"^has "):
        read_rates(dollars)
