"""The sample that a viewer is given of what happens often."""

from prismd.kernel.viewer import Sampler


def chosen(sampler: Sampler, moments_s: list[float]) -> list[float]:
    return [at_s for at_s in moments_s if sampler.passes(at_s)]


def burst(second: int, count: int) -> list[float]:
    return [second + number / count for number in range(count)]


def test_up_to_the_rate_all_are_chosen() -> None:
    assert len(chosen(Sampler(50), burst(1, 50))) == 50


def test_no_second_has_more_than_the_rate_and_all_are_counted() -> None:
    sampler = Sampler(50)
    for second in (1, 2, 3, 7):
        shown = chosen(sampler, burst(second, 1_000))
        assert len(shown) == 50
    assert sampler.left_out == 4 * 950


def test_under_load_that_lasts_the_sample_is_spread_over_the_second() -> None:
    sampler = Sampler(50)
    chosen(sampler, burst(1, 1_000))
    shown = chosen(sampler, burst(2, 1_000))
    assert shown == [2 + number / 50 for number in range(50)]


def test_after_the_load_a_call_that_comes_alone_is_chosen() -> None:
    sampler = Sampler(50)
    chosen(sampler, burst(1, 1_000))
    assert chosen(sampler, [2.0, 2.001, 2.5, 2.7]) == [2.0, 2.5, 2.7]


def test_calls_that_are_told_of_late_do_not_begin_a_second_anew() -> None:
    sampler = Sampler(10)
    mixed = [at_s for number in range(200) for at_s in (5.999, 6.0 + number / 1000)]
    assert len(chosen(sampler, mixed)) <= 20


def test_a_clock_that_is_set_back_begins_anew() -> None:
    sampler = Sampler(1)
    assert chosen(sampler, [5_000.0, 5_000.1, 100.0, 100.1, 101.0]) == [5_000.0, 100.0, 101.0]
