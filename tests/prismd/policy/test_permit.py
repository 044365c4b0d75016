import pytest

from prismd.kernel.errors import Forbidden, LimitReached
from prismd.policy.permit import permit
from prismd.policy.ratelimit import RateLimiter
from tests.builders import make_call, make_key


def test_an_admitted_call_holds_a_slot_until_it_is_released() -> None:
    limiter = RateLimiter()
    admission = permit(make_call(make_key(rate_limit_rpm=5)), limiter)
    assert limiter.running == 1
    assert admission.headers["x-ratelimit-remaining-requests"] == "4"
    admission.release()
    assert limiter.running == 0


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"allowed_ips": ("10.0.0.1",)}, "ip"),
        ({"models": ("other",)}, "model"),
        ({"denied_tools": ("rm",)}, "tool"),
    ],
)
def test_a_refused_call_uses_nothing_up(changes: dict[str, object], param: str) -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=1, **changes)
    tools = [{"type": "function", "function": {"name": "rm"}}]
    with pytest.raises(Forbidden) as caught:
        permit(make_call(key, tools=tools), limiter)
    assert caught.value.param == param
    assert limiter.running == 0
    state = limiter.state(key, 0.0)
    assert state is not None
    assert state.remaining == 1


def test_the_rate_is_asked_last() -> None:
    limiter, key = RateLimiter(), make_key(rate_limit_rpm=1)
    permit(make_call(key), limiter)
    with pytest.raises(LimitReached):
        permit(make_call(key), limiter)
