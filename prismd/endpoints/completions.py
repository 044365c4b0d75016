"""``POST /v1/completions``: OpenAI's text completions, for every model."""

from collections.abc import Awaitable

from msgspec.structs import replace
from starlette.types import Receive, Scope, Send

from prismd.dialects.completions.request import parse, peek_of, split
from prismd.endpoints.calls import answer_call
from prismd.flow.many import serve_many
from prismd.flow.reply import Reply
from prismd.flow.serve import serve
from prismd.gateway import Gateway
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.ids import new_id
from prismd.snapshot import Snapshot
from prismd.wire.call import Call, DialectName, Op

PART_TAG = "prism-part-of"
"""Label of the calls for further prompts of a request; its value is the id of the first."""


def completions(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Complete one or more prompts, streamed or not."""
    return answer_call(
        gateway,
        scope,
        receive,
        send,
        op=Op.COMPLETIONS,
        dialect=DialectName.COMPLETIONS,
        parse=parse,
        walk=_complete,
    )


async def _complete(gateway: Gateway, snap: Snapshot, call: Call) -> Reply:
    """Answer a call: as it is where providers take all prompts, else one call for each."""
    parts = split(call.request)
    if len(parts) == 1 or _is_native(snap, call):
        return await serve(gateway, snap, call)
    if call.idempotency_key is not None:
        msg = "An Idempotency-Key goes with one prompt here: this model is asked once for each."
        raise InvalidRequest(msg, code="invalid_value", param="prompt")
    calls = [replace(call, request=parts[0])]
    for part in parts[1:]:
        tags = {**call.tags, PART_TAG: call.id}
        calls.append(replace(call, id=new_id("req"), request=part, tags=tags))
    each = max(1, peek_of(call.request).n or 1)
    return await serve_many(gateway, snap, calls, choices_each=each)


def _is_native(snap: Snapshot, call: Call) -> bool:
    """Say whether all who may be asked have completions of their own; raises as ``offer``."""
    offer = snap.offer(call.request.model, call.op, call.caller.key)
    return all(step.endpoint.dialect is DialectName.COMPLETIONS for step in offer.every.attempts)
