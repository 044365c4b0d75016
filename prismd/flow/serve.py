"""The corridor: every inference call of every endpoint walks through ``serve``, stage by stage.

Each stage is one call whose result is a local variable handed to the next. To know what the gateway
does with a call, read this function from top to bottom.
"""

import asyncio
from functools import partial
from urllib.parse import quote

from prismd.dialects.errors import error_body
from prismd.flow.attempt import Whole, attempt
from prismd.flow.replay import Claim, Kept, replay
from prismd.flow.reply import Reply
from prismd.flow.settle import CLIENT_CLOSED, Outcome, settle
from prismd.flow.stream import Relay
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Internal, PrismError, UpstreamError
from prismd.kernel.money import NanoUsd, format_usd
from prismd.metering.trace import Trace
from prismd.policy.permit import Admission, permit
from prismd.routing.plan import Attempt, plan
from prismd.snapshot import Snapshot
from prismd.wire.call import Call
from prismd.wire.idempotency import Answer
from prismd.wire.usage import CallRecord

_FAULT = "The gateway failed to handle this call."
_JSON = {"content-type": "application/json"}


async def serve(gateway: Gateway, snap: Snapshot, call: Call) -> Reply:
    """The whole life of one inference call, in order.

    stage      produces            may end the call with
    replay     answer or claim     409 and 422 idempotency_…; only for calls with Idempotency-Key
    permit     admission           403 permission_denied, 429 rate_limit_exceeded
    plan       attempts            404 model_not_found, 403 provider, 501 unsupported_operation
    attempt    answer (or stream)  502 / 503 / 504, or the vendor's own refusal
    settle     the call's record   never; exactly once, also when the client leaves
    """
    trace = Trace(call.started_s)
    claim: Claim | None = None
    admission: Admission | None = None
    attempts: tuple[Attempt, ...] = ()
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

        if claim is not None:
            await claim.begin()
        answer = await attempt(gateway, snap, call, attempts, trace)
        trace.stage("attempt", provider=answer.attempt.provider.id)
    except Exception as caught:
        # Also a fault of ours must not keep the caller's slot; the front answers it.
        error = caught if isinstance(caught, PrismError) else Internal(_FAULT)
        said = Answer(error.status, _JSON, error_body(error, call.dialect))
        outcome = Outcome.failed(
            error, _last_tried(attempts, trace), answer=said if error is caught else None
        )
        trace.stage("refused", code=error.code, param=error.param, message=_own_words(error))
        await settle(gateway, snap, call, outcome, trace=trace, admission=admission, claim=claim)
        error.headers |= _error_headers(error, trace, admission)
        raise
    except asyncio.CancelledError:
        tried = _last_tried(attempts, trace)
        left = Outcome(status=CLIENT_CLOSED, error_code="client_closed", attempt=tried)
        await settle(gateway, snap, call, left, trace=trace, admission=admission, claim=claim)
        raise

    close = partial(settle, gateway, snap, call, trace=trace, admission=admission, claim=claim)
    headers = admission.headers | _answer_headers(answer.attempt, trace)
    if isinstance(answer, Whole):
        record = await close(
            Outcome(
                attempt=answer.attempt,
                usage=answer.usage,
                output_chars=len(answer.body),
                is_complete=True,
                first_byte_s=answer.first_byte_s,
                answer=Answer(200, _JSON, answer.body),
            )
        )
        return Reply(headers | _cost_headers(record), body=answer.body)
    headers["x-prism-latency-ms"] = f"{(clock.monotonic_s() - call.started_s) * 1000:.1f}"
    relay = Relay(call, answer, idle_timeout_s=snap.stream_idle_timeout_s, settle=close)
    return Reply(headers, stream=relay)


async def _again(gateway: Gateway, snap: Snapshot, call: Call, kept: Kept, trace: Trace) -> Reply:
    """Answer with what was kept. It is traced, and costs nothing."""
    trace.stage("replay", original_request_id=kept.request_id)
    outcome = Outcome(status=kept.answer.status, is_complete=True)
    await settle(gateway, snap, call, outcome, trace=trace, admission=None)
    return Reply.again(kept)


def _last_tried(attempts: tuple[Attempt, ...], trace: Trace) -> Attempt | None:
    return attempts[len(trace.attempts) - 1] if trace.attempts else None


def _own_words(error: PrismError) -> str | None:
    """Return an error's message unless it holds a vendor's text: that may quote the prompt."""
    of_vendor = isinstance(error, UpstreamError) and error.upstream_status is not None
    return None if of_vendor else error.message


def _answer_headers(step: Attempt, trace: Trace) -> dict[str, str]:
    return {
        "x-prism-provider": step.provider.id,
        "x-prism-model-used": quote(step.model, safe="/:+=@,*"),
        "x-prism-attempts": str(len(trace.attempts)),
    }


def _cost_headers(record: CallRecord) -> dict[str, str]:
    headers = {"x-prism-latency-ms": f"{record.latency_ms:.1f}"}
    if record.cost_nano_usd is not None:
        headers["x-prism-cost"] = format_usd(NanoUsd(record.cost_nano_usd))
    return headers


def _error_headers(error: PrismError, trace: Trace, admission: Admission | None) -> dict[str, str]:
    headers = dict(admission.headers) if admission else {}
    if isinstance(error, UpstreamError) and trace.attempts:
        headers["x-prism-provider"] = error.provider
        headers["x-prism-attempts"] = str(len(trace.attempts))
    return headers
