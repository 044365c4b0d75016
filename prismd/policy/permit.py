"""The first stage of the corridor: may this call happen? Address, model, tools, rate, in order.

What costs nothing comes first, so that a refused call never uses up the caller's window.
"""

import msgspec

from prismd.dialects.registry import DIALECTS
from prismd.policy import access
from prismd.policy.ratelimit import RateLimiter
from prismd.wire.call import Call


class Admission(msgspec.Struct, frozen=True):
    """A call that may go on. ``release`` must be called once when it has ended."""

    limiter: RateLimiter
    key_id: str
    headers: dict[str, str] = {}
    """``x-ratelimit-*`` for the answer, whatever it will be."""

    def release(self) -> None:
        """Give back the slot."""
        self.limiter.release(self.key_id)


def permit(call: Call, limiter: RateLimiter) -> Admission:
    """Admit a call.

    Raises:
        Forbidden: address, model or tool; InvalidRequest: unreadable tools.
        LimitReached: calls per minute or at once.
    """
    key = call.caller.key
    # Most keys are restricted in none of these, and this is asked for each call.
    if key.allowed_ips is not None:
        access.check_ip(key, call.caller.ip)
    if key.models is not None:
        access.check_model(key, call.request.model)
    if key.allowed_tools is not None or key.denied_tools is not None:
        access.check_tools(key, DIALECTS[call.dialect].tool_names(call.request))
    state = limiter.admit(key, call.started_s)
    return Admission(limiter, key.id, state.headers() if state is not None else {})
