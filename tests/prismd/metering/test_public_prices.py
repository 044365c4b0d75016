import pytest
from genai_prices.data_units import unit_data

from prismd.metering.gap_prices import gap_price
from prismd.metering.public_prices import KEYS, public_facts
from prismd.wire.price import Price, Unit


def price_of(vendor_id: str, model: str) -> Price:
    price = public_facts(vendor_id, model).price
    assert price is not None
    return price


def test_every_name_that_is_read_is_one_of_the_package() -> None:
    per = {unit["price_key"]: unit["per"] for unit in unit_data.values()}
    assert {key: count for _, key, count in KEYS}.items() <= per.items()


def test_tokens_with_their_cache_and_the_context() -> None:
    facts = public_facts("openai", "gpt-4o-mini")
    assert facts.context_tokens == 128_000
    rates = price_of("openai", "gpt-4o-mini").rates
    assert rates[Unit.INPUT] == 150_000
    assert rates[Unit.CACHED_INPUT] == 75_000
    assert rates[Unit.OUTPUT] == 600_000


@pytest.mark.parametrize(
    ("vendor_id", "model", "unit", "pico"),
    [
        ("anthropic", "claude-3-7-sonnet-latest", Unit.CACHE_WRITE, 3_750_000),
        ("anthropic", "claude-3-7-sonnet-latest", Unit.SEARCH, 10_000_000_000),
        ("openai", "gpt-realtime", Unit.AUDIO_INPUT, 32_000_000),
        ("openai", "gpt-realtime", Unit.AUDIO_OUTPUT, 64_000_000),
        ("openai", "whisper-1", Unit.AUDIO, 100_000_000),  # 0.36 $/h = 0.0001 $/s
        ("openai", "tts-1", Unit.CHARACTER, 15_000_000),
        ("mistral", "mistral-ocr-2505", Unit.PAGE, 1_000_000_000),
        ("perplexity", "sonar", Unit.REQUEST, 12_000_000_000),
        ("perplexity", "sonar-deep-research", Unit.REASONING, 3_000_000),
    ],
)
def test_every_unit_that_the_data_has(vendor_id: str, model: str, unit: Unit, pico: int) -> None:
    assert price_of(vendor_id, model).rates[unit] == pico


def test_what_is_made_of_images_is_billed_as_such() -> None:
    assert price_of("google", "gemini-2.5-flash-image").rates[Unit.OUTPUT] == 30_000_000


def test_a_model_with_long_prompts_has_tiers() -> None:
    price = price_of("google", "gemini-2.5-pro")
    (tier,) = price.tiers
    assert tier.above == 200_000
    assert tier.rates.keys() == price.rates.keys()
    for unit in (Unit.INPUT, Unit.CACHED_INPUT, Unit.OUTPUT):
        assert tier.rates[unit] > price.rates[unit]


@pytest.mark.parametrize(("vendor_id", "model"), [("openai", "no-such"), ("nobody", "gpt-4o")])
def test_what_is_not_in_the_data_is_unknown(vendor_id: str, model: str) -> None:
    assert public_facts(vendor_id, model).price is None
    assert gap_price(vendor_id, model) is None


def test_a_model_that_the_data_gives_away_has_no_price_here() -> None:
    assert public_facts("google", "gemma-3").price is None


def test_our_own_table_has_what_the_public_data_lacks() -> None:
    price = gap_price("cohere", "rerank-v3.5")
    assert price == Price({Unit.SEARCH: 2_000_000_000}, source="gap-table")  # type: ignore[dict-item]  # a literal
    assert public_facts("cohere", "rerank-v3.5").price is None
