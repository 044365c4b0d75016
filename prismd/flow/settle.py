"""The last stage: once per call, charge it, write down what happened, give back what was taken.

Order: usage row, charge and end of the hold are durable in one transaction first; then the slot is
given back, and counters, health, trace and events hear of it. A call that reached no provider
leaves a trace, but no usage row: refusals must not be able to fill the ledger. A settlement that
the disk refuses is kept and tried again until it is written; a restart would find its hold.
"""

import contextlib
import logging
from functools import partial

import msgspec
from msgspec.structs import replace

from prismd.dialects.base import Follower
from prismd.flow.reserve import Reservation
from prismd.flow.walk import Walk
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Overloaded, PrismError
from prismd.metering.billing import bill
from prismd.metering.call_event import call_event, guard_event
from prismd.metering.tokens import estimate_usage
from prismd.metering.trace import Trace
from prismd.policy.reserve import BudgetAlert
from prismd.routing.plan import Attempt
from prismd.store import requests
from prismd.store.booking import SettleEntry
from prismd.wire.bodies import Bodies
from prismd.wire.call import Call
from prismd.wire.common import Usage
from prismd.wire.idempotency import Answer
from prismd.wire.price import Bill
from prismd.wire.usage import CallRecord, UsageSource

log = logging.getLogger("prism.settle")

CLIENT_CLOSED = 499
"""Status written down for a call whose client left before the end; nobody receives it."""
REFUSED_BY_RULE = frozenset({402, 403, 429})
"""Statuses of calls that credits, permissions and limits refuse before a provider is asked."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended."""

    status: int = 200
    error_code: str | None = None
    attempt: Attempt | None = None
    """The attempt that answered, or the last that was made; None when none was."""
    usage: Usage | None = Usage()
    """None when the provider did not say: it is estimated."""
    output_chars: int = 0
    """Length of the answer, for the estimate."""
    output_deltas: int = 0
    """Pieces that it came in, each a token at least."""
    is_complete: bool = False
    first_byte_s: float | None = None
    """Monotonic time of the first byte from the provider."""
    param: str | None = None
    """What a refusal is about, as the error names it."""
    answer: Answer | None = None
    """What the client receives, to be kept under an idempotency key; None if it received less."""
    follower: Follower | None = None
    """What has read a stream, and can tell what it said."""

    @classmethod
    def failed(
        cls, error: PrismError, attempt: Attempt | None = None, *, answer: Answer | None = None
    ) -> "Outcome":
        """Return the outcome of a call that ended with an error before any output."""
        return cls(
            status=error.status,
            error_code=error.code,
            param=error.param,
            attempt=attempt,
            answer=answer,
        )


async def settle(walk: Walk, outcome: Outcome) -> CallRecord:
    """Close a call. Runs to its end even if the caller is cancelled meanwhile.

    Raises:
        Overloaded: it cannot be written now; it will be as soon as it can.
    """
    gateway, call, reservation, claim = walk.gateway, walk.call, walk.reservation, walk.claim
    if call.request.is_stream:
        gateway.streams.pop(call.id, None)
    try:
        record = _record(call, outcome, walk.trace, reservation)
        if call.body is not None:
            _keep(gateway, call, call.body, outcome, at_s=record.ts_s)
        try:
            if reservation is not None:
                entry = _close(walk, record, reservation)
                if claim is not None:
                    entry.keep = partial(claim.settle, answer=outcome.answer)
                try:
                    written = gateway.stores.state.write(entry)
                except Overloaded as error:
                    _try_again(walk, entry, error)
                    raise
                await written  # where it fails, ``_follow`` has heard of it
        finally:
            if not walk.is_told:
                _tell(walk, record)
                if reservation is None and record.status in REFUSED_BY_RULE:
                    _tell_refused(walk, record, outcome.param)
    finally:
        if claim is not None:
            claim.end()
        if walk.admission is not None:
            walk.admission.release()
    return record


def _keep(gateway: Gateway, call: Call, body: bytes, outcome: Outcome, *, at_s: float) -> None:
    """Have what was asked and answered written down; what fails there is no fault of the call."""
    try:
        bodies = Bodies.cut(body, None if outcome.answer is None else outcome.answer.body)
        if (follower := outcome.follower) is not None:
            bodies = replace(bodies, response=follower.answer(), is_response_cut=follower.is_cut)
        gateway.bodies.add(call.id, at_s, bodies)
    except Exception:
        log.exception("the bodies of %s are not kept", call.id)


def _close(walk: Walk, record: CallRecord, reservation: Reservation) -> SettleEntry:
    if reservation.tokens is not None:
        reservation.tokens.correct(record.usage.input_tokens + record.usage.output_tokens)
    walk.gateway.reserve.owe(reservation.hold, record.cost_nano_usd or 0)
    return SettleEntry(record, reservation.hold, partial(_follow, walk))


def _try_again(walk: Walk, entry: SettleEntry, error: Exception) -> None:
    if not isinstance(error, Overloaded):  # the answer, perhaps: what it cost is owed without it
        entry.keep = None
    walk.gateway.unsettled.append(entry)
    if not walk.is_told:  # the first time
        log.warning("the settlement of %s is tried again: %s", entry.record.request_id, error)


def _follow(walk: Walk, entry: SettleEntry, error: Exception | None) -> None:
    """Have what is in memory follow a settlement that is durable, whoever waits for it.

    The settlements of a commit follow one after the other: that costs less than to do the same
    in the task of each call.
    """
    gateway = walk.gateway
    if error is not None:
        _try_again(walk, entry, error)
        return
    cost, hold = entry.record.cost_nano_usd or 0, entry.hold
    # First: whatever fails behind it, nothing stays held.
    alerts = gateway.reserve.settle(hold, cost)
    if cost > hold.amount_nano_usd and any(
        (hold.is_prepaid, *(limit is not None for limit in hold.limits))
    ):
        gateway.recorder.overruns += 1
    if not walk.is_told:
        _tell(walk, entry.record)
    for alert in alerts:
        _warn(gateway, alert)


async def retry_unsettled(gateway: Gateway) -> None:
    """Write the settlements that the disk refused; called again and again."""
    for _ in range(len(gateway.unsettled)):
        entry = gateway.unsettled.pop(0)  # one by one: the rest stays if this is cancelled
        try:
            written = gateway.stores.state.write(entry)
        except Overloaded:
            gateway.unsettled.append(entry)
            continue
        with contextlib.suppress(Exception):  # it has been put back
            await written


def _warn(gateway: Gateway, alert: BudgetAlert) -> None:
    budget = alert.budget
    gateway.bus.publish(
        "budget",
        {
            "action": "exceeded" if alert.percent >= 100 else "warning",  # noqa: PLR2004
            "budget_id": budget.id,
            "scope": budget.scope,
            "subject": budget.subject,
            "window": budget.window,
            "percent": alert.percent,
            "limit_nano_usd": budget.limit_nano_usd,
            "spent_nano_usd": alert.spent_nano_usd,
        },
    )
    log.warning(
        "the %s budget of %s %r has reached %d %% of its limit",
        budget.window,
        budget.scope,
        budget.subject,
        alert.percent,
    )


def _record(
    call: Call, outcome: Outcome, trace: Trace, reservation: Reservation | None
) -> CallRecord:
    key, attempt, request = call.caller.key, outcome.attempt, call.request
    usage = outcome.usage or _estimate(call, outcome, reservation)
    cost: Bill | None = None
    if reservation is not None and attempt is not None:
        price = reservation.price_of(attempt)
        cost = bill(price, usage) if price is not None else None
    first_byte_ms: float | None = None
    if outcome.first_byte_s is not None:
        first_byte_ms = round((outcome.first_byte_s - call.started_s) * 1000, 3)
    return CallRecord(
        request_id=call.id,
        ts_s=clock.wall_s(),
        key_id=key.id,
        owner=key.owner,
        org_id=key.org_id,
        op=call.op,
        dialect=call.dialect,
        model=request.model,
        provider=attempt.provider.id if attempt else None,
        upstream_model=attempt.model if attempt else None,
        status=outcome.status,
        error_code=outcome.error_code,
        is_stream=request.is_stream,
        is_complete=outcome.is_complete,
        usage=usage,
        usage_source=UsageSource.ESTIMATED if usage.is_estimated else UsageSource.REPORTED,
        cost_nano_usd=cost.cost_nano_usd if cost else None,
        cost_pico_usd=cost.cost_pico_usd if cost else None,
        price_source=cost.source if cost else None,
        price_lines=cost.lines if cost else (),
        account=reservation.hold.account if reservation else None,
        windows=reservation.hold.windows if reservation else (),
        tags=call.tags,
        latency_ms=round((clock.monotonic_s() - call.started_s) * 1000, 3),
        first_byte_ms=first_byte_ms,
        attempts=trace.attempt_count,
    )


def _estimate(call: Call, outcome: Outcome, reservation: Reservation | None) -> Usage:
    """Count what a call used that nobody reported; never more than could have been."""
    usage = estimate_usage(call.dialect, call.request, output_chars=outcome.output_chars)
    tokens = max(usage.output_tokens, outcome.output_deltas)
    if reservation is not None and reservation.max_output_tokens is not None:
        tokens = min(tokens, reservation.max_output_tokens)
    return replace(usage, output_tokens=tokens)


def _tell(walk: Walk, record: CallRecord) -> None:
    """Tell those who only watch; what fails there is no fault of the call."""
    walk.is_told = True
    gateway, trace = walk.gateway, walk.trace
    try:
        trace.decided("settle", record, _settled)
        name = None if record.provider is None else walk.snap.catalog.listed_name(record.model)
        gateway.recorder.add(record, name)
        gateway.note_use(record.key_id, record.ts_s)

        gateway.stores.traces.add(partial(_stored, record, trace))
        about = (record, walk.call.caller.key.name, walk.call.body is not None)
        gateway.bus.publish_about("call", record.ts_s, about, call_event)
    except Exception:
        log.exception("not all have heard of the end of %s", record.request_id)


def _tell_refused(walk: Walk, record: CallRecord, param: str | None) -> None:
    about = (record, walk.call.caller.key.name, param)
    walk.gateway.bus.publish_about("guard", record.ts_s, about, guard_event)


def _settled(record: CallRecord) -> dict[str, object]:
    return {"cost_nano_usd": record.cost_nano_usd, "price_source": record.price_source}


def _stored(record: CallRecord, trace: Trace) -> requests.StoredTrace:
    return requests.StoredTrace(record, trace.stages, trace.attempts)
