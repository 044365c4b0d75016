"""How many tokens would a call have? The vendor's own counter says, else a table, else an estimate.

A count walks the first stages of the corridor (permit, plan), so who may not make the call may not
count it; it leaves a trace and an event, and costs nothing: there is no usage row. A counter that
fails is no reason to fail: it is counted here then.
"""

import msgspec

from prismd.dialects import counters
from prismd.dialects.base import HttpCall
from prismd.dialects.registry import DIALECTS
from prismd.dialects.vendor_error import read_error
from prismd.flow.settle import CLIENT_CLOSED, Outcome, settle
from prismd.flow.walk import Walk
from prismd.gateway import Gateway
from prismd.kernel import jsonio
from prismd.kernel.errors import Internal, PrismError, UpstreamError, UpstreamTimeout
from prismd.kernel.tasks import Deadline
from prismd.metering.counting import count_here
from prismd.metering.trace import Trace
from prismd.policy.permit import permit
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.wire.call import Call, Op
from prismd.wire.common import Usage

COUNTER_TIMEOUT_S = 5.0
"""How long a vendor's counter may take."""

_SUCCESS = 200


class Counted(msgspec.Struct, frozen=True):
    """How many tokens a request has, and who says so."""

    tokens: int
    method: str
    """``upstream``: the vendor's counter; ``exact``: its published table; ``estimate``."""
    provider: str
    context_tokens: int | None
    """The context window of the model, where it is known."""


async def count(gateway: Gateway, snap: Snapshot, call: Call) -> Counted:
    """Count the tokens of a call that is not made.

    Raises:
        PrismError: as ``serve`` in the stages permit and plan; InvalidRequest: it cannot be read.
    """
    trace = Trace(call.started_s)
    walk = Walk(gateway=gateway, snap=snap, call=call, trace=trace)
    try:
        walk.admission = permit(call, gateway.limiter)
        offer = snap.offer(call.request.model, call.op, call.caller.key)
        target = offer.every.attempts[0]
        counted = await _count(walk, target)
    except Exception as caught:
        error = caught if isinstance(caught, PrismError) else Internal("Counting failed.")
        await settle(walk, Outcome.failed(error))
        if walk.admission is not None:
            error.headers |= walk.admission.headers
        raise
    except BaseException:
        await settle(walk, Outcome(status=CLIENT_CLOSED, error_code="client_closed"))
        raise
    told = {"tokens": counted.tokens, "method": counted.method, "provider": counted.provider}
    trace.decided("count", told, dict)
    await settle(walk, Outcome(attempt=target, usage=Usage(), is_complete=True))
    return counted


async def _count(walk: Walk, target: Attempt) -> Counted:
    provider, context = target.provider, walk.snap.facts(walk.call.request.model, target.target)
    counter = provider.spec.ops.get(Op.COUNT_TOKENS)
    if counter is not None:
        try:
            tokens = await _ask(walk, target)
        except UpstreamError as error:
            status, outcome = error.upstream_status, error.code
        else:
            walk.trace.attempt(provider.id, target.model, status=_SUCCESS, outcome="ok")
            return Counted(tokens, "upstream", provider.id, context.context_tokens)
        walk.trace.attempt(provider.id, target.model, status=status, outcome=outcome)
    call = walk.call
    tokens, method = await count_here(call.dialect, call.request, target.model)
    return Counted(tokens, method, provider.id, context.context_tokens)


async def _ask(walk: Walk, target: Attempt) -> int:
    """Ask the vendor's counter; raises UpstreamError."""
    call, provider, endpoint = walk.call, target.provider, target.endpoint
    theirs = DIALECTS[endpoint.dialect]
    if endpoint.dialect is call.dialect:
        said = theirs.relay(call.request, model=target.model, output_limit=None)
    else:
        conversation = DIALECTS[call.dialect].read(call.request)
        said = theirs.write(conversation, model=target.model, is_stream=False)
    fields = counters.PUT[endpoint.dialect](said.fields, target.model)
    provider.apply_rules(target.model, fields)
    path = endpoint.path_for(target.model, is_stream=False)
    request = HttpCall("POST", path, jsonio.encode(fields))
    try:
        with Deadline(COUNTER_TIMEOUT_S):
            response = await provider.upstream.send(request)
            try:
                body = await response.read()
            finally:
                await response.aclose()
    except TimeoutError:
        msg = f"The counter of provider '{provider.id}' did not answer in time."
        raise UpstreamTimeout(msg, provider=provider.id) from None
    if response.status != _SUCCESS:
        raise read_error(response.status, response.headers, body, provider=provider.id)
    return counters.read_count(body, provider=provider.id)
