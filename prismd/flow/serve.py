"""The corridor: every inference call of every endpoint walks through ``serve``, stage by stage.

Each stage is one call whose result is a local variable handed to the next. To know what the gateway
does with a call, read this function from top to bottom.
"""

import asyncio
from functools import lru_cache, partial
from urllib.parse import quote

from msgspec.structs import replace

from prismd.dialects.errors import error_body
from prismd.flow.attempt import Begun, Whole, attempt
from prismd.flow.drain import Drain, Outlived, outlive
from prismd.flow.replay import Kept, replay
from prismd.flow.reply import Reply
from prismd.flow.reserve import Reservation, reserve
from prismd.flow.settle import CLIENT_CLOSED, Outcome, settle
from prismd.flow.stream import SUCCESS, Relay, hold_durably
from prismd.flow.walk import Walk
from prismd.gateway import Gateway
from prismd.kernel import clock, jsonio
from prismd.kernel.errors import Internal, Overloaded, PrismError, UpstreamError
from prismd.kernel.money import format_usd
from prismd.metering.billing import bill
from prismd.metering.trace import Trace
from prismd.policy.permit import Admission, permit
from prismd.routing.offer import Offer
from prismd.snapshot import Snapshot
from prismd.wire.call import Call, Caller
from prismd.wire.common import Usage
from prismd.wire.idempotency import Answer
from prismd.wire.ledger import Hold
from prismd.wire.usage import CallRecord

_FAULT = "The gateway failed to handle this call."
_JSON = {"content-type": "application/json"}
_LIMITS = "x-ratelimit-"


async def serve(gateway: Gateway, snap: Snapshot, call: Call) -> Reply:
    """The whole life of one inference call, in order.

    stage      produces            may end the call with
    replay     answer or claim     409 and 422 idempotency_…; only for calls with Idempotency-Key
    permit     admission           403 permission_denied, 429 rate_limit_exceeded
    plan       offer               404 model_not_found, 403 provider, 501 unsupported_operation
    reserve    hold                402 credits, 429 budget or tokens per minute, 403 no price,
                                   503 storage_full
    attempt    answer (or stream)  502 / 503 / 504, or the vendor's own refusal
    settle     the call's record   never; exactly once, also when the client leaves
    """
    trace = Trace(call.started_s)
    walk = Walk(gateway=gateway, snap=snap, call=call, trace=trace)
    try:
        if call.idempotency_key is not None:
            found = await replay(gateway, call.idempotency_key, call.id)
            if isinstance(found, Kept):
                return await _again(walk, found)
            walk.claim = found

        admission = walk.admission = permit(call, gateway.limiter)
        trace.decided("permit", (call.caller, admission), _permitted)

        offer = snap.offer(call.request.model, call.op, call.caller.key)
        trace.decided("plan", offer, Offer.told)

        reservation = walk.reservation = reserve(gateway, snap, call, offer)
        trace.decided("reserve", reservation, Reservation.told)

        if walk.claim is not None:
            await walk.claim.begin()

        if reservation.targets.is_drained:
            answer = await _attempt_drained(walk, reservation)
        else:
            answer = await attempt(walk, reservation)
        trace.decided("attempt", answer, _answered)
        if isinstance(answer, Begun):
            return await _stream(walk, reservation, answer)
    except Exception as caught:
        # Also a fault of ours must not keep the caller's slot; the front answers it.
        error = caught if isinstance(caught, PrismError) else Internal(_FAULT)
        told = error_body(error, call.dialect, request_id=call.id)
        said = Answer(error.status, _JSON, told)
        outcome = Outcome.failed(error, walk.last_tried, answer=said if error is caught else None)
        trace.decided("refused", _refused(error, walk), dict)
        await settle(walk, outcome)
        error.headers |= _error_headers(error, walk)
        raise
    except Outlived:
        raise
    except asyncio.CancelledError:
        tried = walk.last_tried
        # The provider had the prompt, and may have gone on: what it did is estimated.
        used = Usage() if tried is None else None
        status, code = CLIENT_CLOSED, "client_closed"
        if gateway.is_cutting:
            status, code = Overloaded.status, "shutting_down"
        await settle(walk, Outcome(status=status, error_code=code, attempt=tried, usage=used))
        raise

    record = await settle(
        walk,
        Outcome(
            attempt=answer.attempt,
            usage=answer.usage,
            output_chars=len(answer.body),
            is_complete=True,
            first_byte_s=answer.first_byte_s,
            answer=_kept(walk, answer),
        ),
    )
    headers = _answer_headers(admission, answer, trace)
    _add_cost(headers, record, reservation.hold)
    return Reply(headers, body=answer.body)


def _kept(walk: Walk, answer: Whole) -> Answer | None:
    """Return an answer that is to be kept, under an idempotency key or for the operator."""
    if walk.claim is None and walk.call.body is None:
        return None
    return Answer(SUCCESS, _JSON, answer.body)


async def _attempt_drained(walk: Walk, reservation: Reservation) -> Whole | Begun:
    """Return the first answer; if the client leaves before, the provider is read to its end.

    Raises:
        Outlived: the client left, but the provider is drained: the call is closed when it is over.
    """
    drain = Drain(walk.gateway.tasks, walk.gateway.drains)
    work = attempt(walk, reservation)
    if not drain.has_room:
        return await work
    return await outlive(work, drain, after=partial(_close_late, walk, reservation))


async def _stream(walk: Walk, reservation: Reservation, begun: Begun) -> Reply:
    """Answer with a stream: its hold is durable, and its first byte may leave."""
    gateway, call = walk.gateway, walk.call
    await hold_durably(gateway, reservation, begun)
    if call.wants_metadata:
        begun.follower.annotate = partial(_metadata, call, reservation, begun)
    stream = gateway.streams[call.id] = _relay(walk, reservation, begun)
    headers = _answer_headers(walk.admission, begun, walk.trace)
    headers["x-prism-latency-ms"] = f"{(clock.monotonic_s() - call.started_s) * 1000:.1f}"
    return Reply(headers, stream=stream)


def _relay(walk: Walk, reservation: Reservation, begun: Begun) -> Relay:
    is_drained = reservation.targets.is_drained
    return Relay(
        walk.call,
        begun,
        idle_timeout_s=walk.snap.stream_idle_timeout_s,
        settle=partial(settle, walk),
        drain=Drain(walk.gateway.tasks, walk.gateway.drains) if is_drained else None,
    )


async def _again(walk: Walk, kept: Kept) -> Reply:
    """Answer with what was kept. It is traced, and costs nothing."""
    walk.trace.decided("replay", {"original_request_id": kept.request_id}, dict)
    await settle(walk, Outcome(status=kept.answer.status, is_complete=True, answer=kept.answer))
    return Reply.again(kept)


async def _close_late(
    walk: Walk, reservation: Reservation, answering: asyncio.Future[Whole | Begun]
) -> None:
    """Close a call whose client had left before its provider answered."""
    attempts = reservation.targets.attempts
    left = Outcome(
        status=CLIENT_CLOSED, error_code="client_closed", attempt=attempts[0], usage=None
    )
    if answering.cancelled():  # it took too long
        await settle(walk, left)
    elif (error := answering.exception()) is not None:
        known = error if isinstance(error, PrismError) else Internal(_FAULT)
        await settle(walk, Outcome.failed(known, attempts[-1]))
    elif isinstance(answer := answering.result(), Begun):
        await _relay(walk, reservation, answer).aclose()
    else:
        used = replace(left, attempt=answer.attempt, usage=answer.usage)
        await settle(walk, replace(used, output_chars=len(answer.body)))


def _permitted(about: tuple[Caller, Admission]) -> dict[str, object]:
    caller, admission = about
    return {"key_id": caller.key.id, "ip": caller.ip, **admission.headers}


def _answered(answer: Whole | Begun) -> dict[str, object]:
    told: dict[str, object] = {"provider": answer.attempt.provider.id}
    told["dialect"] = answer.attempt.endpoint.dialect
    if answer.drops:
        told["drops"] = list(answer.drops)
    return told


def _refused(error: PrismError, walk: Walk) -> dict[str, object]:
    """Return what the trace says; not the words of a vendor: they may quote the prompt."""
    told: dict[str, object] = {"code": error.code, "param": error.param, "message": None}
    if walk.admission is None:  # else an earlier stage has told it
        told["ip"] = walk.call.caller.ip
    if isinstance(error, UpstreamError) and error.upstream_status is not None:
        return told
    limits = {name: text for name, text in error.headers.items() if name.startswith(_LIMITS)}
    return told | {"message": error.message, **limits, **error.details}


def _answer_headers(
    admission: Admission | None, answer: Whole | Begun, trace: Trace
) -> dict[str, str]:
    headers, step = dict(admission.headers) if admission else {}, answer.attempt
    headers["x-prism-provider"] = step.provider.id
    headers["x-prism-model-used"] = _speakable(step.model)
    headers["x-prism-attempts"] = str(trace.attempt_count)
    if answer.drops:
        headers["x-prism-translation-drops"] = ",".join(map(_speakable, answer.drops))
    return headers


@lru_cache(maxsize=1024)
def _speakable(name: str) -> str:
    """Return the name of a model, or of a field, as a header can say it."""
    return quote(name, safe="/:+=@,*")


def _add_cost(headers: dict[str, str], record: CallRecord, hold: Hold) -> None:
    headers["x-prism-latency-ms"] = f"{record.latency_ms:.1f}"
    if record.cost_nano_usd is not None:
        headers["x-prism-cost"] = format_usd(record.cost_nano_usd)
    if hold.credits is not None:
        headers["x-prism-credits-remaining"] = format_usd(hold.credits.posted)


def _metadata(call: Call, reservation: Reservation, answer: Begun, usage: Usage) -> bytes:
    """Say in the usage chunk of a stream what headers say of a whole answer."""
    found: dict[str, object] = {"request_id": call.id}
    price = reservation.price_of(answer.attempt)
    cost = bill(price, usage).cost_nano_usd if price is not None else None
    if cost is not None:
        found |= {"cost": jsonio.Usd(cost), "cost_nano_usd": cost}
    prepaid = reservation.hold.credits
    if prepaid is not None:
        left = prepaid.posted - (cost or 0)
        found |= {"credits_remaining": jsonio.Usd(left), "credits_remaining_nano_usd": left}
    return jsonio.encode(found)


def _error_headers(error: PrismError, walk: Walk) -> dict[str, str]:
    headers = dict(walk.admission.headers) if walk.admission else {}
    if isinstance(error, UpstreamError) and walk.trace.attempt_count:
        headers["x-prism-provider"] = error.provider
        headers["x-prism-attempts"] = str(walk.trace.attempt_count)
    return headers
