"""The last stage: once per call, write down what happened and give back what was taken.

Order: the usage row is durable first; then the slot is given back, and counters, health, trace
and events hear of it. A call that reached no provider leaves a trace, but no usage row: refusals
must not be able to fill the ledger.
"""

import logging
from dataclasses import dataclass

from prismd.flow.replay import Claim
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Overloaded, PrismError
from prismd.kernel.tasks import finish
from prismd.metering.billing import bill
from prismd.metering.tokens import estimate_usage
from prismd.metering.trace import Trace
from prismd.policy.permit import Admission
from prismd.routing.catalog import Target
from prismd.routing.plan import Attempt
from prismd.snapshot import Snapshot
from prismd.store import requests
from prismd.store import usage as usage_table
from prismd.store.db import Tx
from prismd.wire.call import Call
from prismd.wire.common import Usage
from prismd.wire.idempotency import Answer
from prismd.wire.usage import CallRecord

log = logging.getLogger("prism.settle")

CLIENT_CLOSED = 499
"""Status written down for a call whose client left before the end; nobody receives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call ended."""

    status: int = 200
    error_code: str | None = None
    attempt: Attempt | None = None
    """The attempt that answered, or the last that was made; None when none was."""
    usage: Usage | None = Usage()
    """None when the provider did not say: it is estimated."""
    output_chars: int = 0
    """Length of the answer, for the estimate."""
    is_complete: bool = False
    first_byte_s: float | None = None
    """Monotonic time of the first byte from the provider."""
    answer: Answer | None = None
    """What the client receives, to be kept under an idempotency key; None if it received less."""

    @classmethod
    def failed(
        cls, error: PrismError, attempt: Attempt | None = None, *, answer: Answer | None = None
    ) -> "Outcome":
        """Return the outcome of a call that ended with an error before any output."""
        return cls(status=error.status, error_code=error.code, attempt=attempt, answer=answer)


async def settle(
    gateway: Gateway,
    snap: Snapshot,
    call: Call,
    outcome: Outcome,
    *,
    trace: Trace,
    admission: Admission | None,
    claim: Claim | None = None,
) -> CallRecord:
    """Close a call. Runs to its end even if the caller is cancelled meanwhile."""
    try:
        record = _record(snap, call, outcome, trace)

        def write(tx: Tx) -> None:
            if outcome.attempt is not None:
                usage_table.insert(tx, record)
            if claim is not None:
                claim.settle(tx, outcome.answer)

        try:
            if outcome.attempt is not None or (claim is not None and claim.is_begun):
                await finish(gateway.stores.state.write(write))
        finally:
            _tell(gateway, snap, record, trace)
    finally:
        if claim is not None:
            claim.end()
        if admission is not None:
            admission.release()
    return record


def _record(snap: Snapshot, call: Call, outcome: Outcome, trace: Trace) -> CallRecord:
    key, attempt = call.caller.key, outcome.attempt
    now_s = clock.monotonic_s()
    price = None
    if attempt is not None:
        target = Target(attempt.provider, attempt.model)
        price = snap.facts(call.request.model, target, key.org_id).price
    first_byte_s = outcome.first_byte_s
    usage = outcome.usage or estimate_usage(call.request.peek, output_chars=outcome.output_chars)
    return CallRecord(
        request_id=call.id,
        ts_s=clock.wall_s(),
        key_id=key.id,
        owner=key.owner,
        org_id=key.org_id,
        op=call.op,
        model=call.request.model,
        provider=attempt.provider.id if attempt else None,
        upstream_model=attempt.model if attempt else None,
        status=outcome.status,
        error_code=outcome.error_code,
        is_stream=call.request.is_stream,
        is_complete=outcome.is_complete,
        usage=usage,
        cost_nano_usd=bill(price, usage).cost_nano_usd if price else None,
        price_source=price.source if price else None,
        latency_ms=round((now_s - call.started_s) * 1000, 3),
        first_byte_ms=(
            round((first_byte_s - call.started_s) * 1000, 3) if first_byte_s is not None else None
        ),
        attempts=len(trace.attempts),
    )


def _tell(gateway: Gateway, snap: Snapshot, record: CallRecord, trace: Trace) -> None:
    trace.stage("settle", cost_nano_usd=record.cost_nano_usd, price_source=record.price_source)
    is_known = record.provider is not None and snap.catalog.lists(record.model)
    gateway.recorder.add(record, is_known_model=is_known)
    gateway.note_use(record.key_id, record.ts_s)

    stored = requests.StoredTrace(record, trace.stages, trace.attempts)

    def write(tx: Tx) -> None:
        requests.insert(tx, stored)

    try:
        gateway.stores.traffic.write_soon(write)
    except Overloaded:
        log.warning("trace of %s dropped: the traffic database is behind", record.request_id)
    gateway.bus.publish("call", call_event(record))


def call_event(record: CallRecord) -> dict[str, object]:
    """Return what the event feed says about a call."""
    return {
        "request_id": record.request_id,
        "key_id": record.key_id,
        "owner": record.owner,
        "org_id": record.org_id,
        "op": record.op,
        "model": record.model,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "status": record.status,
        "error_code": record.error_code,
        "is_stream": record.is_stream,
        "is_complete": record.is_complete,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cost_nano_usd": record.cost_nano_usd,
        "latency_ms": record.latency_ms,
        "first_byte_ms": record.first_byte_ms,
        "attempts": record.attempts,
    }
