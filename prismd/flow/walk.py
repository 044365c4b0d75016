"""What one call gathers on its way through the corridor."""

import msgspec

from prismd.flow.replay import Claim
from prismd.flow.reserve import Reservation
from prismd.gateway import Gateway
from prismd.metering.trace import Trace
from prismd.policy.permit import Admission
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.wire.call import Call
from prismd.wire.conversation import Conversation


class Walk(msgspec.Struct, kw_only=True, eq=False):
    """A call with the snapshot it began with, and what each stage has taken for it so far."""

    gateway: Gateway
    snap: Snapshot
    call: Call
    trace: Trace
    claim: Claim | None = None
    """Of an idempotency key."""
    admission: Admission | None = None
    reservation: Reservation | None = None
    conversation: Conversation | None = None
    """All of the request, once a provider of another dialect was to be told."""
    is_told: bool = False
    """Whether counters, trace and events have heard of its end."""

    @property
    def last_tried(self) -> Attempt | None:
        """The last attempt that was made; None when none was."""
        if self.reservation is None or not self.trace.attempt_count:
            return None
        return self.reservation.targets.attempts[self.trace.attempt_count - 1]
