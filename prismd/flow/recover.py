"""At start, before anybody is let in: settle the calls that the last process did not live to end.

Every hold that is found then is an orphan, for one process at a time uses a data directory. Its
call had been sent to a provider, so it is charged: the prompt, and what had been generated at the
last checkpoint. The usage row says ``recovered``, and the operator finds the call among the others,
without the stages that died with the process. Nothing of this needs a person.
"""

import logging
from functools import partial

from prismd.kernel import clock
from prismd.metering.billing import bill
from prismd.metering.trace import Trace
from prismd.policy.reserve import HOLD_S
from prismd.store import ledger
from prismd.store.db import Tx
from prismd.store.ledger import OrphanHold
from prismd.store.requests import StoredTrace
from prismd.store.stores import Stores
from prismd.wire.common import Usage
from prismd.wire.usage import CallRecord, UsageSource

log = logging.getLogger("prism.recover")

CRASHED = 500
"""Status written down for a call that was cut by the end of the process."""
_CODE = "gateway_crashed"


async def recover(stores: Stores, orphans: list[OrphanHold]) -> None:
    """Settle all orphans in one transaction, then leave a trace of each."""
    if not orphans:
        return
    records = [_record(orphan) for orphan in orphans]

    def write(tx: Tx) -> None:
        for record, orphan in zip(records, orphans, strict=True):
            ledger.settle(tx, record, orphan.hold)

    await stores.state.write(write)
    for record in records:
        stores.traces.add(partial(_trace, record))
    log.warning(
        "%d calls were running when the last process ended: settled as recovered", len(orphans)
    )


def _record(orphan: OrphanHold) -> CallRecord:
    hold, call = orphan.hold, orphan.call
    usage = Usage(
        input_tokens=call.input_tokens, output_tokens=orphan.output_tokens, is_estimated=True
    )
    cost = bill(call.price, usage) if call.price is not None else None
    # A hold is renewed at each checkpoint: so long the call is known to have run.
    known_s = hold.expires_at_s - HOLD_S - hold.created_at_s
    return CallRecord(
        request_id=hold.request_id,
        ts_s=clock.wall_s(),
        key_id=hold.key_id,
        owner=call.owner,
        org_id=call.org_id,
        op=call.op,
        model=call.model,
        provider=call.provider,
        upstream_model=call.upstream_model,
        status=CRASHED,
        error_code=_CODE,
        is_stream=call.is_stream,
        is_complete=False,
        usage=usage,
        usage_source=UsageSource.RECOVERED,
        cost_nano_usd=cost.cost_nano_usd if cost else None,
        cost_pico_usd=cost.cost_pico_usd if cost else None,
        price_source=cost.source if cost else None,
        price_lines=cost.lines if cost else (),
        account=hold.account,
        windows=hold.windows,
        tags=call.tags,
        latency_ms=round(max(0.0, known_s) * 1000, 3),
        first_byte_ms=None,
        attempts=1,
    )


def _trace(record: CallRecord) -> StoredTrace:
    """Return what is known of how a call went: who was asked."""
    trace = Trace(0)
    trace.attempt(record.provider or "", record.upstream_model or "", status=None, outcome=_CODE)
    return StoredTrace(record, trace.stages, trace.attempts)
