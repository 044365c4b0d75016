"""``POST /v1/count_tokens``."""

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from prismd.dialects.openai.request import parse_chat
from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply
from prismd.metering.tokens import estimate_prompt
from prismd.policy.access import check_model
from prismd.wire.call import DialectName

room = APIRouter(tags=["chat"], dependencies=[Depends(deps.caller)])

_CHAT_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatPeek"}}},
}
"""The body of a chat, which the OpenAPI document describes with the hot route."""


class CountTokensReply(BaseModel):
    """How many tokens a request would use."""

    model: str
    token_count: int
    method: str
    """``estimate``: counted without the model's own tokenizer."""
    max_context_tokens: int | None = None
    remaining_tokens: int | None = None


@room.post(
    "/v1/count_tokens",
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
    count = estimate_prompt(DialectName.OPENAI, asked)
    answer: dict[str, object] = {"model": asked.model, "token_count": count, "method": "estimate"}
    if context is not None:
        answer |= {"max_context_tokens": context, "remaining_tokens": max(0, context - count)}
    return json_reply(answer)
