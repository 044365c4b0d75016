"""``POST /v1/chat/completions`` (hot) and ``POST /v1/count_tokens``."""

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from prismd.dialects.openai import parse_chat
from prismd.endpoints import deps, idempotency
from prismd.endpoints.asgi import (
    ClientLeft,
    WhileConnected,
    prism_headers,
    read_body,
    send_reply,
    tags_of,
    take_body,
    timeout_of,
)
from prismd.endpoints.replies import json_reply
from prismd.flow.serve import serve
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import PrismError
from prismd.metering.tokens import estimate_messages
from prismd.policy.access import check_ip, check_model
from prismd.wire.call import Call, DialectName, Op

room = APIRouter(tags=["chat"], dependencies=[Depends(deps.caller)])

COUNT_TOKENS = "/v1/count_tokens"
"""It reads what a chat reads, so its bodies may be as large."""

_CHAT_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatPeek"}}},
}
"""The body of a chat, which the OpenAPI document describes with the hot route."""


async def chat_completions(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """Create a chat completion, streamed or not."""
    caller = deps.caller_of(gateway, scope)
    snap = gateway.snapshot
    try:
        if caller.key.allowed_ips is not None:  # before its body is read
            check_ip(caller.key, caller.ip)
        headers = prism_headers(scope)
        body = take_body(scope, snap.max_body_bytes)
        if body is None:
            body = await read_body(scope, receive, snap.max_body_bytes)
            caller = deps.caller_of(gateway, scope)  # the key may have been revoked meanwhile
        call = Call(
            id=scope["request_id"],
            op=Op.CHAT,
            dialect=DialectName.OPENAI,
            caller=caller,
            request=parse_chat(body),
            tags=tags_of(headers, caller.key.metadata),
            headers=headers,
            started_s=clock.monotonic_s(),
            timeout_s=timeout_of(headers) if headers else None,
            idempotency_key=idempotency.key_of(scope, body, owner=caller.key.id),
        )
        if call.idempotency_key is not None and not call.request.is_stream:
            # To its end, for the next try of a client that leaves.
            await send_reply(send, await serve(gateway, snap, call))
        else:
            with WhileConnected(scope):
                await send_reply(send, await serve(gateway, snap, call))
    except ClientLeft:
        return
    except PrismError:
        deps.tell_limits(gateway, caller.key, scope)
        raise


class CountTokensReply(BaseModel):
    """How many tokens a request would use."""

    model: str
    token_count: int
    method: str
    """``estimate``: counted without the model's own tokenizer."""
    max_context_tokens: int | None = None
    remaining_tokens: int | None = None


@room.post(
    COUNT_TOKENS,
    response_model=CountTokensReply,
    response_model_exclude_none=True,
    openapi_extra={"requestBody": _CHAT_BODY},
)
async def count_tokens(
    request: Request, gateway: deps.TheGateway, caller: deps.TheCaller
) -> Response:
    """Estimate the prompt tokens of a chat request, without calling anybody."""
    asked = parse_chat(await request.body())
    check_model(caller.key, asked.model)
    deps.count_call(gateway, caller, request.scope)
    target = gateway.snapshot.catalog.resolve(asked.model)[0]
    context = gateway.snapshot.facts(asked.model, target).context_tokens
    count = estimate_messages(asked.peek.messages, asked.peek.tools or ())
    answer: dict[str, object] = {"model": asked.model, "token_count": count, "method": "estimate"}
    if context is not None:
        answer |= {"max_context_tokens": context, "remaining_tokens": max(0, context - count)}
    return json_reply(answer)
