"""The corridor: every inference call of every endpoint walks through ``serve``, stage by stage.

Each stage is one call whose result is a local variable handed to the next. To know what the gateway
does with a call, read this function from top to bottom.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from urllib.parse import quote

from msgspec.structs import replace

from prismd.dialects.errors import error_body
from prismd.flow.attempt import Begun, Whole, attempt
from prismd.flow.drain import Drain, Outlived, outlive
from prismd.flow.replay import Claim, Kept, replay
from prismd.flow.reply import Reply
from prismd.flow.reserve import Reservation, reserve
from prismd.flow.settle import CLIENT_CLOSED, Outcome, settle
from prismd.flow.stream import SUCCESS, Relay, Settle, hold_durably
from prismd.gateway import Gateway
from prismd.kernel import clock, jsonio
from prismd.kernel.errors import Internal, Overloaded, PrismError, UpstreamError
from prismd.kernel.money import NanoUsd, format_usd
from prismd.metering.billing import bill
from prismd.metering.trace import Trace
from prismd.policy.permit import Admission, permit
from prismd.routing.plan import Attempt, plan
from prismd.snapshot import Snapshot
from prismd.wire.call import Call
from prismd.wire.common import Usage
from prismd.wire.idempotency import Answer
from prismd.wire.ledger import credit_account
from prismd.wire.usage import CallRecord

_FAULT = "The gateway failed to handle this call."
_JSON = {"content-type": "application/json"}


async def serve(gateway: Gateway, snap: Snapshot, call: Call) -> Reply:
    """The whole life of one inference call, in order.

    stage      produces            may end the call with
    replay     answer or claim     409 and 422 idempotency_…; only for calls with Idempotency-Key
    permit     admission           403 permission_denied, 429 rate_limit_exceeded
    plan       attempts            404 model_not_found, 403 provider, 501 unsupported_operation
    reserve    hold                402 credits, 429 budget or tokens per minute, 403 no price,
                                   503 storage_full
    attempt    answer (or stream)  502 / 503 / 504, or the vendor's own refusal
    settle     the call's record   never; exactly once, also when the client leaves
    """
    trace = Trace(call.started_s)
    claim: Claim | None = None
    admission: Admission | None = None
    reservation: Reservation | None = None

    async def close(outcome: Outcome) -> CallRecord:
        return await settle(
            gateway,
            snap,
            call,
            outcome,
            trace=trace,
            admission=admission,
            reservation=reservation,
            claim=claim,
        )

    try:
        if call.idempotency_key is not None:
            found = await replay(gateway, call.idempotency_key, call.id)
            if isinstance(found, Kept):
                return await _again(gateway, snap, call, found, trace)
            claim = found

        admission = permit(call, gateway.limiter)
        trace.stage("permit", key_id=call.caller.key.id, ip=call.caller.ip, **admission.headers)

        attempts = plan(
            snap.catalog.resolve(call.request.model),
            op=call.op,
            allowed_providers=call.caller.key.providers,
            max_attempts=snap.max_attempts,
        )
        trace.stage("plan", targets=[f"{step.provider.id}/{step.model}" for step in attempts])

        reservation = reserve(gateway, snap, call, attempts)
        trace.stage("reserve", **_held(reservation))

        if claim is not None:
            await claim.begin()
        answer = await _answer(gateway, snap, call, reservation, trace=trace, close=close)
    except Exception as caught:
        # Also a fault of ours must not keep the caller's slot; the front answers it.
        error = caught if isinstance(caught, PrismError) else Internal(_FAULT)
        said = Answer(error.status, _JSON, error_body(error, call.dialect))
        outcome = Outcome.failed(
            error, _last_tried(reservation, trace), answer=said if error is caught else None
        )
        trace.stage("refused", code=error.code, param=error.param, message=_own_words(error))
        await close(outcome)
        error.headers |= _error_headers(error, trace, admission)
        raise
    except Outlived:
        raise
    except asyncio.CancelledError:
        tried = _last_tried(reservation, trace)
        # The provider had the prompt, and may have gone on: what it did is estimated.
        used = Usage() if tried is None else None
        status, code = CLIENT_CLOSED, "client_closed"
        if gateway.is_cutting:
            status, code = Overloaded.status, "shutting_down"
        await close(Outcome(status=status, error_code=code, attempt=tried, usage=used))
        raise

    headers = admission.headers | _answer_headers(answer.attempt, trace)
    if isinstance(answer, Relay):
        headers["x-prism-latency-ms"] = f"{(clock.monotonic_s() - call.started_s) * 1000:.1f}"
        return Reply(headers, stream=answer)
    record = await close(
        Outcome(
            attempt=answer.attempt,
            usage=answer.usage,
            output_chars=len(answer.body),
            is_complete=True,
            first_byte_s=answer.first_byte_s,
            answer=Answer(SUCCESS, _JSON, answer.body),
        )
    )
    return Reply(headers | _cost_headers(gateway, record), body=answer.body)


async def _answer(
    gateway: Gateway,
    snap: Snapshot,
    call: Call,
    reservation: Reservation,
    *,
    trace: Trace,
    close: Settle,
) -> Whole | Relay:
    """Return the first answer; a stream's hold is durable, and its first byte may leave.

    Raises:
        Outlived: the client left, but the provider is drained: the call is closed when it is over.
    """
    is_drained = any(snap.is_drained(step.provider.id) for step in reservation.attempts)
    drain = Drain(gateway.tasks, gateway.drains) if is_drained else None
    relay = partial(
        Relay, call, idle_timeout_s=snap.stream_idle_timeout_s, settle=close, drain=drain
    )
    work = attempt(gateway, snap, call, reservation, trace)
    if drain is not None and drain.has_room:
        answer = await outlive(work, drain, after=partial(_close_late, reservation, relay, close))
    else:
        answer = await work
    trace.stage("attempt", provider=answer.attempt.provider.id)
    if isinstance(answer, Whole):
        return answer
    await hold_durably(gateway, reservation, answer)
    answer.decoder.annotate = partial(_metadata, gateway, call, reservation, answer)
    stream = gateway.streams[call.id] = relay(answer)
    return stream


async def _again(gateway: Gateway, snap: Snapshot, call: Call, kept: Kept, trace: Trace) -> Reply:
    """Answer with what was kept. It is traced, and costs nothing."""
    trace.stage("replay", original_request_id=kept.request_id)
    outcome = Outcome(status=kept.answer.status, is_complete=True)
    await settle(gateway, snap, call, outcome, trace=trace, admission=None, reservation=None)
    return Reply.again(kept)


async def _close_late(
    reservation: Reservation,
    relay: Callable[[Begun], Relay],
    close: Settle,
    answering: asyncio.Future[Whole | Begun],
) -> None:
    """Close a call whose client had left before its provider answered."""
    left = Outcome(
        status=CLIENT_CLOSED,
        error_code="client_closed",
        attempt=reservation.attempts[0],
        usage=None,
    )
    if answering.cancelled():  # it took too long
        await close(left)
    elif (error := answering.exception()) is not None:
        known = error if isinstance(error, PrismError) else Internal(_FAULT)
        await close(Outcome.failed(known, reservation.attempts[-1]))
    elif isinstance(answer := answering.result(), Begun):
        await relay(answer).aclose()
    else:
        used = replace(left, attempt=answer.attempt, usage=answer.usage)
        await close(replace(used, output_chars=len(answer.body)))


def _last_tried(reservation: Reservation | None, trace: Trace) -> Attempt | None:
    if reservation is None or not trace.attempts:
        return None
    return reservation.attempts[len(trace.attempts) - 1]


def _held(reservation: Reservation) -> dict[str, object]:
    return {
        "hold_nano_usd": reservation.hold.amount_nano_usd,
        "budgets": [window.budget_id for window in reservation.hold.windows],
        "output_limit": reservation.output_limit,
    }


def _own_words(error: PrismError) -> str | None:
    """Return an error's message unless it holds a vendor's text: that may quote the prompt."""
    of_vendor = isinstance(error, UpstreamError) and error.upstream_status is not None
    return None if of_vendor else error.message


def _answer_headers(step: Attempt, trace: Trace) -> dict[str, str]:
    return {
        "x-prism-provider": step.provider.id,
        "x-prism-model-used": _speakable(step.model),
        "x-prism-attempts": str(len(trace.attempts)),
    }


@lru_cache(maxsize=1024)
def _speakable(model: str) -> str:
    """Return a model's name as a header can say it."""
    return quote(model, safe="/:+=@,*")


def _cost_headers(gateway: Gateway, record: CallRecord) -> dict[str, str]:
    headers = {"x-prism-latency-ms": f"{record.latency_ms:.1f}"}
    if record.cost_nano_usd is not None:
        headers["x-prism-cost"] = format_usd(NanoUsd(record.cost_nano_usd))
    if record.account == credit_account(record.key_id):
        left = gateway.reserve.credits(record.key_id).posted
        headers["x-prism-credits-remaining"] = format_usd(NanoUsd(left))
    return headers


def _metadata(
    gateway: Gateway, call: Call, reservation: Reservation, answer: Begun, usage: Usage
) -> bytes:
    """Say in the usage chunk of a stream what headers say of a whole answer."""
    found: dict[str, object] = {"request_id": call.id}
    price = reservation.price_of(answer.attempt)
    cost = bill(price, usage).cost_nano_usd if price is not None else None
    if cost is not None:
        found |= {"cost": jsonio.Usd(cost), "cost_nano_usd": cost}
    if reservation.hold.is_prepaid:
        left = gateway.reserve.credits(call.caller.key.id).posted - (cost or 0)
        found |= {"credits_remaining": jsonio.Usd(left), "credits_remaining_nano_usd": left}
    return jsonio.encode(found)


def _error_headers(error: PrismError, trace: Trace, admission: Admission | None) -> dict[str, str]:
    headers = dict(admission.headers) if admission else {}
    if isinstance(error, UpstreamError) and trace.attempts:
        headers["x-prism-provider"] = error.provider
        headers["x-prism-attempts"] = str(len(trace.attempts))
    return headers
