import json

import pytest

from tests.prismctl.money import BILL, OVERRIDE, TIERED, UNPRICED, price
from tests.prismctl.stub import StubGateway, listing
from tests.prismctl.support import PEOPLE, Run


@pytest.fixture
def gateway(stub: StubGateway) -> StubGateway:
    rows = [price("gpt-5"), TIERED, OVERRIDE, UNPRICED]
    stub.on("GET", "/-/prices", {"object": "list", "data": rows})
    stub.on("PUT", "/-/prices", OVERRIDE)
    stub.on("DELETE", "/-/prices/prc_0001", OVERRIDE)
    stub.on("POST", "/-/prices/test", BILL)
    return stub


def test_rates_are_sent_as_they_were_typed(cli: Run, gateway: StubGateway) -> None:
    cli(
        "prices", "set", "m", "input=2.5", "cached=0.000001", "output=$10", "image=0.04",
        "character=15", "audio-second=0.0001", "--provider", "lab", "--org", "acme",
    )  # fmt: skip
    assert b'"cached_input_per_mtok":0.000001' in gateway.last("PUT").body
    assert gateway.last("PUT").json() == {
        "model": "m",
        "input_per_mtok": 2.5,
        "cached_input_per_mtok": 0.000001,
        "output_per_mtok": 10,
        "per_image": 0.04,
        "per_mchar": 15,
        "per_audio_second": 0.0001,
        "provider": "lab",
        "org_id": "acme",
    }


def test_counts_are_sent_in_the_units_of_the_api(cli: Run, gateway: StubGateway) -> None:
    cli("prices", "test", "m", "input=1_000", "audio-second=1.5", "image=2", "--provider", "lab")
    assert gateway.last("POST").json() == {
        "model": "m",
        "usage": {"input_tokens": 1000, "audio_ms": 1500, "images": 2},
        "provider": "lab",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "m", "input"), "'input' is not NAME=NUMBER"),
        (("set", "m", "inptu=1"), "nothing is billed by 'inptu'"),
        (("set", "m", "input=cheap"), "'cheap' is not an amount of dollars"),
        (("set", "m", "input=1", "input=2"), "input is given twice"),
        (("set", "m"), "missing argument"),
        (("test", "m", "input=1.5"), "'input=1.5' is not a count"),
        (("test", "m", "input=-1"), "'input=-1' is not a count"),
    ],
)
def test_what_cannot_be_read_is_2_and_nothing_is_sent(
    cli: Run, gateway: StubGateway, words: tuple[str, ...], message: str
) -> None:
    result = cli("prices", *words)
    assert result.code == 2
    assert message in result.err
    assert gateway.sent == []


def test_the_list_is_filtered_by_the_gateway_and_shows_what_has_no_price(
    cli: Run, gateway: StubGateway
) -> None:
    cli("prices", "list", "--model", "m", "--provider", "lab", "--source", "config")
    assert gateway.sent[-1].query == "model=m&provider=lab&source=config"
    assert cli("prices", "list", "--unpriced", "-o", "name").out == "in-house\n"
    assert "▲ no price" in cli("prices", "list", terminal=PEOPLE).out


def test_one_price_is_shown_with_all_its_rates_and_tiers(cli: Run, gateway: StubGateway) -> None:
    gateway.on("GET", "/-/prices", {"object": "list", "data": [TIERED]})
    shown = cli("prices", "get", "gemini-pro", terminal=PEOPLE).out
    assert "input=$1.25 cached=$0.31 output=$10.00" in shown
    assert "above 200,000 input: input=$2.50 output=$15.00" in shown


def test_a_model_that_is_not_there_is_4_and_names_the_near_one(
    cli: Run, gateway: StubGateway
) -> None:
    everything = {"object": "list", "data": [price("gpt-5")]}
    gateway.on("GET", "/-/prices", {"object": "list", "data": []}, everything)
    result = cli("prices", "get", "gpt5")
    assert result.code == 4
    assert "hint: did you mean gpt-5?" in result.err


@pytest.mark.parametrize("given", ["flux", "prc_0001"])
def test_a_price_that_was_set_is_deleted_by_model_or_id(
    cli: Run, gateway: StubGateway, given: str
) -> None:
    assert cli("prices", "delete", given).code == 2
    assert cli("prices", "delete", given, "--yes").code == 0
    assert gateway.last("DELETE").path == "/-/prices/prc_0001"


def test_a_price_that_was_not_set_cannot_be_deleted(cli: Run, gateway: StubGateway) -> None:
    result = cli("prices", "delete", "gpt-5", "--yes")
    assert result.code == 4
    assert "no price was set for 'gpt-5'" in result.err


def test_of_several_prices_of_a_model_one_must_be_meant(cli: Run, gateway: StubGateway) -> None:
    rows = [OVERRIDE, OVERRIDE | {"id": "prc_0002", "org_id": "acme"}]
    gateway.on("GET", "/-/prices", {"object": "list", "data": rows})
    result = cli("prices", "delete", "flux", "--yes")
    assert result.code == 2
    assert "means 2 prices: prc_0001, prc_0002" in result.err
    gateway.on("DELETE", "/-/prices/prc_0002", rows[1])
    assert cli("prices", "delete", "flux", "--org", "acme", "--yes").code == 0


def test_a_bill_says_what_is_charged_and_what_has_no_rate(cli: Run, gateway: StubGateway) -> None:
    result = cli("prices", "test", "gpt-5", "input=1000", terminal=PEOPLE)
    assert "$1.25/M" in result.out
    assert result.out.splitlines()[-1].split() == ["total", "$0.0814"]
    assert "$0.0814 are charged" in result.err
    assert "without a rate, so in no cost: searches" in result.err
    assert json.loads(cli("prices", "test", "gpt-5", "input=1", "-o", "json").out) == BILL


def test_a_call_without_a_price_is_not_billed_as_free(cli: Run, gateway: StubGateway) -> None:
    bill = BILL | {
        "is_priced": False, "source": None, "lines": [], "unpriced": [],
        "cost": None, "cost_nano_usd": None, "cost_pico_usd": None,
    }  # fmt: skip
    gateway.on("POST", "/-/prices/test", bill)
    result = cli("prices", "test", "in-house", "input=1000", terminal=PEOPLE)
    assert result.out == ""
    assert "has no price" in result.err
    assert "charged" not in result.err


def test_models_without_a_price_are_marked(cli: Run, gateway: StubGateway) -> None:
    model = {"id": "in-house", "owned_by": "lab", "is_priced": False}
    gateway.on("GET", "/-/models", listing(model))
    assert "▲ no price" in cli("models", "list", terminal=PEOPLE).out
    assert cli("models", "list").out.splitlines()[1].endswith("none")
    assert "without a price: 1" in cli("models", "list").err
