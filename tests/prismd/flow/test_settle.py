"""The settlement gives back what was taken, whatever happens to it."""

from types import SimpleNamespace
from typing import Any

import pytest

from prismd.flow import settle as stage
from prismd.flow.settle import Outcome, settle
from prismd.flow.walk import Walk
from prismd.metering.trace import Trace
from prismd.policy.permit import permit
from prismd.policy.ratelimit import RateLimiter
from tests.builders import make_call


async def test_a_settlement_that_fails_gives_the_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage, "estimate_usage", fails)
    call, limiter = make_call(), RateLimiter()
    admission = permit(call, limiter)
    assert limiter.running == 1
    gateway: Any = SimpleNamespace(streams={})
    walk = Walk(gateway=gateway, snap=gateway, call=call, trace=Trace(0.0), admission=admission)
    with pytest.raises(ZeroDivisionError):
        await settle(walk, Outcome(usage=None))
    assert limiter.running == 0
