import re

import pytest
from genai_prices.data import providers as priced

from prismd.providers.registry import ALL, by_type, nearest_type, type_names


def test_each_type_is_there_once_and_can_be_found() -> None:
    assert len(set(type_names())) == len(ALL)
    for spec in ALL:
        assert by_type(spec.type) is spec
    assert by_type("nobody") is None


@pytest.mark.parametrize(
    ("word", "meant"), [("OpenAI", "openai"), ("mistrall", "mistral"), ("xyzzy", None)]
)
def test_the_nearest_word_is_found(word: str, meant: str | None) -> None:
    assert nearest_type(word) == meant


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.type)
def test_a_table_is_well_formed(spec: object) -> None:
    assert spec in ALL
    known = by_type(getattr(spec, "type", ""))
    assert known is not None
    assert re.fullmatch(r"[a-z]+", known.type)
    assert known.title
    assert known.type == "fake" or known.docs_url.startswith("https://")
    if known.base_url is not None:
        assert re.fullmatch(r"https://[^?#]+[^/]|http://127\.0\.0\.1:\d+/v1", known.base_url)
    if known.local_port is not None:
        assert known.base_url == f"http://127.0.0.1:{known.local_port}/v1"
    if known.prices_id is not None:
        assert known.prices_id in {provider.id for provider in priced}
