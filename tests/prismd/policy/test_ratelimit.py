import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel.errors import LimitReached
from prismd.policy.ratelimit import RateLimiter
from tests.builders import make_key


@given(
    limit=st.integers(0, 5),
    gaps=st.lists(
        st.sampled_from([0.0, 0.015625, 0.03125, 0.5, 7.0, 29.75, 30.0, 59.75, 60.0, 60.25]),
        max_size=60,
    ),
)
def test_no_window_of_60_s_ever_holds_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=limit)
    admitted: list[float] = []
    waits_s: list[float] = []
    now_s = 0.0
    for gap in gaps:
        now_s += gap
        try:
            limiter.admit(key, now_s)
        except LimitReached as error:
            waits_s.append(error.retry_after_s or 0.0)
        else:
            admitted.append(now_s)
            limiter.release(key.id)
    assert all(wait_s > 0 for wait_s in waits_s)
    for start in admitted:
        assert sum(start <= one <= start + 60.0 for one in admitted) <= limit


def test_calls_that_follow_each_other_closely_leave_the_window_with_the_last() -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=3)
    for at_s in (0.0, 0.03, 0.06):
        limiter.admit(key, at_s)
    with pytest.raises(LimitReached) as caught:
        limiter.admit(key, 60.01)
    assert caught.value.retry_after_s == pytest.approx(0.02)
    state = limiter.admit(key, 60.0301)
    assert state is not None
    assert state.remaining == 1


def test_waiting_as_told_is_enough() -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=2)
    limiter.admit(key, 0.0)
    limiter.admit(key, 10.0)
    with pytest.raises(LimitReached) as caught:
        limiter.admit(key, 20.0)
    wait_s = caught.value.retry_after_s
    assert wait_s == pytest.approx(40.0)
    limiter.admit(key, 20.0 + 40.001)


def test_headers_say_where_the_key_stands_also_when_refused() -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=1)
    state = limiter.admit(key, 0.0)
    assert state is not None
    assert state.headers() == {
        "x-ratelimit-limit-requests": "1",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "60",
    }
    with pytest.raises(LimitReached) as caught:
        limiter.admit(key, 30.0)
    assert caught.value.headers["x-ratelimit-remaining-requests"] == "0"
    assert limiter.admit(make_key(id="other"), 0.0) is None


def test_concurrency_is_bounded_and_a_refusal_uses_nothing_up() -> None:
    limiter, key = RateLimiter(), make_key(max_concurrency=2, rate_limit_rpm=10)
    limiter.admit(key, 0.0)
    limiter.admit(key, 0.0)
    with pytest.raises(LimitReached) as caught:
        limiter.admit(key, 0.0)
    assert caught.value.param == "max_concurrency"
    assert limiter.running == 2
    limiter.release(key.id)
    state = limiter.admit(key, 0.0)
    assert state is not None
    assert state.remaining == 7


def test_a_lowered_limit_counts_what_was_admitted_before() -> None:
    limiter = RateLimiter()
    for _ in range(5):
        limiter.admit(make_key(rate_limit_rpm=10), 0.0)
    with pytest.raises(LimitReached):
        limiter.admit(make_key(rate_limit_rpm=3), 1.0)
    limiter.admit(make_key(rate_limit_rpm=6), 1.0)
