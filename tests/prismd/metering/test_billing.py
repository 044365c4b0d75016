from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel.money import PicoUsd
from prismd.metering.billing import bill, upper_bound
from prismd.wire.common import Usage
from prismd.wire.price import Bill, Price, PriceLine, Rates, Tier, Unit

PRICES, CALLS_PER_PRICE = 5_000, 20

WHOLES = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens"),
    "output_tokens": ("reasoning_tokens", "audio_output_tokens"),
}
TOKEN_FIELDS = [name for whole, parts in WHOLES.items() for name in (whole, *parts)]


def rates(**pico: int) -> Rates:
    return {Unit(name): PicoUsd(amount) for name, amount in pico.items()}


def price(tiers: dict[int, Rates] | None = None, **pico: int) -> Price:
    above = tuple(Tier(start, tier) for start, tier in (tiers or {}).items())
    return Price(rates(**pico), "config", above)


def exact_pico(own: dict[str, int], used: dict[str, int]) -> int:
    """Recompute a bill in another way: each part as a difference to the rate of its whole."""
    cost = 0
    for whole, parts in WHOLES.items():
        rate, left = own.get(whole, 0), used[whole]
        cost += left * rate
        for part in parts:
            if part in own:
                taken = min(left, used[part])
                left -= taken
                cost += taken * (own[part] - rate)
    for name in ("images", "pages", "characters", "searches", "requests"):
        cost += used[name] * own.get(name, 0)
    for name in ("audio_ms", "video_ms"):  # per second, each rounded up to a pico-dollar
        whole_s, rest = divmod(used[name] * own.get(name, 0), 1_000)
        cost += whole_s + (rest > 0)
    return cost


def test_bills_equal_a_recomputation_in_exact_numbers() -> None:
    """Invariant I-11: the difference over all calls is 0."""
    random, difference = Random(11), 0
    fields = [unit.value for unit in Unit]
    for _ in range(PRICES):
        bits = random.randrange(1, 30)
        own = {name: random.getrandbits(34) for name in fields if random.getrandbits(2)}
        long = {name: 2 * rate + 1 for name, rate in own.items()}
        above = random.getrandbits(bits)
        stepped = price({above: rates(**long)}, **own)
        for _ in range(CALLS_PER_PRICE):
            used = {name: random.getrandbits(bits) >> random.getrandbits(5) for name in fields}
            billed = bill(stepped, msgspec.convert(used, Usage))
            exact = exact_pico(long if used["input_tokens"] > above else own, used)
            difference += abs(billed.cost_pico_usd - exact)
            difference += abs(billed.cost_nano_usd - (exact // 1_000 + (exact % 1_000 > 0)))
    assert difference == 0


def test_each_token_is_in_one_line() -> None:
    usage = Usage(
        input_tokens=100,
        cached_input_tokens=30,
        cache_write_tokens=20,
        audio_input_tokens=10,
        output_tokens=50,
        reasoning_tokens=40,
        requests=1,
    )
    billed = bill(
        price(
            input_tokens=1_000,
            cached_input_tokens=100,
            cache_write_tokens=1_250,
            output_tokens=4_000,
        ),
        usage,
    )
    assert billed == Bill(
        lines=(
            line(Unit.INPUT, 50, 1_000, 50_000),  # the audio has no rate of its own
            line(Unit.CACHED_INPUT, 30, 100, 3_000),
            line(Unit.CACHE_WRITE, 20, 1_250, 25_000),
            line(Unit.OUTPUT, 50, 4_000, 200_000),
        ),
        cost_pico_usd=PicoUsd(278_000),
        cost_nano_usd=billed.cost_nano_usd,
        source="config",
    )
    assert billed.cost_nano_usd == 278


def line(unit: Unit, quantity: int, pico: int, amount: int) -> PriceLine:
    return PriceLine(unit, quantity, PicoUsd(pico), PicoUsd(amount))


def test_tiny_calls_are_never_free() -> None:
    assert bill(price(input_tokens=20_000), Usage(input_tokens=20)).cost_nano_usd == 400
    assert bill(price(input_tokens=1), Usage(input_tokens=1)).cost_nano_usd == 1
    assert bill(price(audio_ms=1), Usage(audio_ms=1)).cost_nano_usd == 1


def test_time_is_counted_in_milliseconds_and_priced_per_second() -> None:
    billed = bill(price(audio_ms=30_833_334, video_ms=7), Usage(audio_ms=1_500, video_ms=100))
    assert billed.lines == (
        line(Unit.AUDIO, 1_500, 30_833_334, 46_250_001),
        line(Unit.VIDEO, 100, 7, 1),
    )


def test_above_a_threshold_the_whole_call_is_billed_at_the_tier() -> None:
    tiers = {200: rates(input_tokens=2_000, output_tokens=3_000), 300: rates(input_tokens=9_000)}
    stepped = price(tiers, input_tokens=1_000, output_tokens=1_000)
    assert bill(stepped, Usage(input_tokens=200, output_tokens=10)).cost_nano_usd == 210
    assert bill(stepped, Usage(input_tokens=201, output_tokens=10)).cost_nano_usd == 432
    assert bill(stepped, Usage(input_tokens=301)).cost_nano_usd == 2_709


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        (Usage(input_tokens=10, cached_input_tokens=99), 10),
        (Usage(input_tokens=10, audio_input_tokens=99), 90),
        (Usage(input_tokens=10, cached_input_tokens=8, audio_input_tokens=8), 8 + 2 * 9),
        (Usage(output_tokens=10, reasoning_tokens=99), 70),
        (Usage(output_tokens=10, reasoning_tokens=6, audio_output_tokens=6), 6 * 7 + 4 * 8),
        (Usage(cached_input_tokens=10, reasoning_tokens=10), 0),
    ],
)
def test_parts_never_exceed_their_whole(usage: Usage, nano: int) -> None:
    own = price(
        input_tokens=5_000,
        cached_input_tokens=1_000,
        audio_input_tokens=9_000,
        output_tokens=6_000,
        reasoning_tokens=7_000,
        audio_output_tokens=8_000,
    )
    assert bill(own, usage).cost_nano_usd == nano


def test_what_was_used_without_a_rate_is_named() -> None:
    billed = bill(price(images=1_000), Usage(images=2, input_tokens=7, searches=1, requests=1))
    assert billed.cost_nano_usd == 2
    assert billed.unpriced == (Unit.INPUT, Unit.SEARCH)


def test_prices_and_bills_are_the_same_after_json() -> None:
    stepped = price({9: rates(input_tokens=10**15)}, input_tokens=3, audio_ms=4)
    assert msgspec.json.decode(msgspec.json.encode(stepped), type=Price) == stepped
    billed = bill(stepped, Usage(input_tokens=10, audio_ms=1))
    assert msgspec.json.decode(msgspec.json.encode(billed), type=Bill) == billed


some_rates = st.dictionaries(
    st.sampled_from([*(Unit(name) for name in TOKEN_FIELDS), Unit.REQUEST]),
    st.integers(0, 10**9).map(PicoUsd),
    min_size=1,
)
some_tokens = st.integers(0, 2_000)


@given(
    base=some_rates,
    tiers=st.dictionaries(some_tokens, some_rates, max_size=3),
    counts=st.tuples(*[some_tokens] * len(TOKEN_FIELDS)),
    slack=st.tuples(some_tokens, some_tokens),
)
def test_no_bill_is_over_the_upper_bound(
    base: Rates, tiers: dict[int, Rates], counts: tuple[int, ...], slack: tuple[int, int]
) -> None:
    own = Price(base, "config", tuple(Tier(above, tiers[above]) for above in sorted(tiers)))
    usage = msgspec.convert(dict(zip(TOKEN_FIELDS, counts, strict=True), requests=1), Usage)
    bound = upper_bound(
        own,
        input_tokens=usage.input_tokens + slack[0],
        output_tokens=usage.output_tokens + slack[1],
    )
    assert bill(own, usage).cost_nano_usd <= bound


def test_the_upper_bound_takes_the_dearest_rate_of_every_tier_that_can_be_reached() -> None:
    tiers = {100: rates(input_tokens=2_000, cache_write_tokens=2_500, output_tokens=9_000)}
    own = price(tiers, input_tokens=1_000, audio_input_tokens=4_000, output_tokens=1, requests=7)
    assert upper_bound(own, input_tokens=100, output_tokens=0) == 401  # 400.007
    assert upper_bound(own, input_tokens=200, output_tokens=10) == 801  # 800.017
    assert upper_bound(own, input_tokens=200, output_tokens=100) == 500 + 900
    assert upper_bound(price(images=5), input_tokens=9, output_tokens=9) == 0


@given(
    base=st.dictionaries(
        st.sampled_from([Unit.CACHED_INPUT, Unit.REASONING, Unit.REQUEST, Unit.IMAGE]),
        st.integers(0, 10**9).map(PicoUsd),
    ),
    counts=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    more=st.sampled_from([{}, {}, {"images": 1}, {"is_estimated": True}, {"requests": 2}]),
)
def test_short_bills_are_what_long_ones_are(
    base: Rates, counts: list[int], more: dict[str, int]
) -> None:
    own = {Unit.INPUT: PicoUsd(1_501), Unit.OUTPUT: PicoUsd(6_007), **base}
    never = Tier(10**9, rates(input_tokens=1))
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
    usage = msgspec.convert({**dict(zip(names, counts, strict=True)), "requests": 1, **more}, Usage)
    assert bill(Price(own, "config"), usage) == bill(Price(own, "config", (never,)), usage)
