"""The estimate beside two published vocabularies, over what prompts are made of."""

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.metering.weights import AT_MOST, LIKELY, weigh

VOCABULARIES = ("o200k_base", "cl100k_base")
ROOT = Path(__file__).parents[3]

PROSE: dict[str, str] = json.loads((ROOT / "tests/golden/prose.json").read_bytes())
"""Said by ourselves in languages of every class of characters that has a weight."""


def _drawn(population: str, length: int = 2_000, *, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(population, k=length))


def _code() -> str:
    return (ROOT / "prismd/metering/weights.py").read_text()


def _markdown() -> str:
    return (ROOT / "README.md").read_text()[:20_000]


def _json() -> str:
    bodies = sorted((ROOT / "tests/golden/vendors").rglob("*.json"))[:40]
    return "".join(json.dumps(json.loads(body.read_bytes())) for body in bodies)


WRITTEN: dict[str, Callable[[], str]] = {"code": _code, "Markdown": _markdown, "JSON": _json}
RAW = {
    "base64": base64.b64encode(random.Random(7).randbytes(3_000)).decode(),
    "hashes": random.Random(7).randbytes(2_000).hex(),
    "digits": _drawn("0123456789"),
    "numbers": ",".join(f"{n * 7.31:.2f}" for n in range(500)),
    "ASCII at random": _drawn("".join(map(chr, range(32, 127)))),
    "signs": _drawn("!@#$%^&*()_+{}|:<>?~`-=[];',./"),
    "blank lines": "\n" * 2_000,
    "emoji": _drawn("".join(map(chr, range(0x1F300, 0x1F64F)))),
    "capitals": PROSE["English"].upper() * 5,
}


def tokens_of(text: str, vocabulary: str) -> int:
    toktok = pytest.importorskip("toktok", reason="the extra 'tokens' is not installed")
    counted: list[int] = toktok.batch_count([text], vocabulary)
    return counted[0]


@pytest.fixture(scope="module", autouse=True)
def loaded_tables() -> None:
    """Load them before a test is timed: that takes a second."""
    for vocabulary in VOCABULARIES:
        tokens_of("a", vocabulary)


TEXTS = PROSE | {name: read() for name, read in WRITTEN.items()} | RAW


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_hold_is_not_too_small(name: str, vocabulary: str) -> None:
    text = TEXTS[name]
    assert weigh(text.encode(), AT_MOST) >= tokens_of(text, vocabulary)


@pytest.mark.parametrize("name", [*PROSE, *WRITTEN])
def test_what_people_write_is_estimated_roughly(name: str) -> None:
    text = TEXTS[name]
    assert weigh(text.encode(), LIKELY) == pytest.approx(tokens_of(text, "o200k_base"), rel=0.36)


@pytest.mark.parametrize("name", [*PROSE, *WRITTEN])
def test_a_hold_for_what_people_write_is_not_absurd(name: str) -> None:
    text = TEXTS[name]
    most = max(tokens_of(text, vocabulary) for vocabulary in VOCABULARIES)
    assert weigh(text.encode(), AT_MOST) <= 3.3 * most


@given(st.integers(), st.integers(200, 2_000))
def test_ascii_drawn_at_random_is_not_more_than_a_hold(seed: int, length: int) -> None:
    text = _drawn("".join(map(chr, range(32, 127))), length, seed=seed)
    most = weigh(text.encode(), AT_MOST)
    assert most * 1.1 >= max(tokens_of(text, vocabulary) for vocabulary in VOCABULARIES)


@given(st.binary(max_size=5_000), st.sampled_from([LIKELY, AT_MOST]))
def test_each_byte_counts_once_however_long_the_text_is(data: bytes, table: bytes) -> None:
    assert weigh(data, table) == -(-sum(table[byte] for byte in data) // 20)
