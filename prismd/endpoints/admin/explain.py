"""``POST /-/explain``: would a call be let in, where would it go, what would it cost? None is made.

Like ``POST /-/prices/test``, it changes nothing: it is a POST for its body.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from prismd.dialects.openai.usage import MAX_TOKENS
from prismd.dialects.reading import MAX_MODEL_CHARS
from prismd.endpoints import deps
from prismd.endpoints.admin.amounts import Names
from prismd.endpoints.asgi import MAX_TAGS, is_tag, tags_of_key
from prismd.endpoints.replies import Usd, json_reply, usd
from prismd.flow.explain import Explanation, explain
from prismd.flow.payment import Cost
from prismd.flow.question import Question
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest, NotFound
from prismd.kernel.jsonio import Raw
from prismd.metering.tokens import MESSAGE_OVERHEAD_TOKENS, REPLY_PRIMER_TOKENS
from prismd.policy.access import may_use_provider
from prismd.routing.catalog import Match, Target
from prismd.routing.plan import endpoint_of
from prismd.snapshot import Snapshot
from prismd.wire.call import Op
from prismd.wire.key import KeyRecord, KeyType
from prismd.wire.rates import write_rates

room = APIRouter(tags=["explain"], dependencies=[Depends(deps.admin)])

SHORTEST_PROMPT_TOKENS = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS + 1
MAX_IP_CHARS = 45

Tokens = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]


class CallQuestion(BaseModel):
    """A call that nobody makes."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARS)]
    key: str | None = None
    """Id of the key that would call; null: only what concerns every key is asked."""
    op: Op = Op.CHAT
    ip: Annotated[str, Field(max_length=MAX_IP_CHARS)] | None = None
    """The address that it would call from."""
    input_tokens: Tokens | None = None
    """Of the prompt; null: the shortest there can be."""
    max_tokens: Tokens | None = None
    """As the caller would give it; null: not given."""
    stream: bool = False
    """No rule looks at it."""
    tools: Names = []
    """Names of tools that would be offered."""
    tags: dict[str, str] = {}
    """Labels that the caller would send; those of the key are added."""


class StepObject(BaseModel):
    """What one rule says, in the order in which they are asked."""

    rule: str
    state: Literal["ok", "refused", "skipped"]
    message: str
    detail: dict[str, JsonValue]
    """Figures; ``would_be`` where a rule before it has refused the call."""


class PricePerMtok(BaseModel):
    """Dollars per million tokens."""

    input_per_mtok: Usd | None
    output_per_mtok: Usd | None


class TargetObject(BaseModel):
    """A provider that has the model."""

    provider: str
    model: str
    state: Literal["healthy", "degraded", "failing", "idle"]
    is_first: bool
    place: int | None
    """In which order it is tried, from 1 on; null: it is not."""
    reason: str
    """Why it is in this place, or in none."""
    price: PricePerMtok | None
    price_source: str | None


class CostObject(BaseModel):
    """What the call would cost."""

    input_tokens: int
    output_tokens: int
    """What the estimate is for."""
    max_output_tokens: int | None
    """What the answer can have; null: nothing limits it."""
    estimate: Usd
    """At the first target."""
    estimate_nano_usd: int
    at_most: Usd | None
    """What is held where it is paid ahead: the dearest target, and what is held for prose of
    so many tokens."""
    at_most_nano_usd: int | None


class LimitsObject(BaseModel):
    """Where the key stands now; null where it has no such limit, or no key is given."""

    requests_limit: int | None
    """Per minute, as tokens."""
    requests_remaining: int | None
    requests_reset_s: float | None
    tokens_limit: int | None
    tokens_remaining: int | None
    concurrency_limit: int | None
    concurrency_running: int | None
    credit_balance: Usd | None
    credit_balance_nano_usd: int | None
    credit_held: Usd | None
    credit_held_nano_usd: int | None


class ExplanationObject(BaseModel):
    """What would become of the call."""

    object: Literal["explanation"]
    is_allowed: bool
    status: int
    code: str | None
    """Of the error that the caller would get, as ``status`` and ``message``."""
    message: str | None
    decided_by: str | None
    """The rule that refuses."""
    steps: list[StepObject]
    targets: list[TargetObject]
    cost: CostObject | None
    """Null: it would not be sent, or has no price."""
    limits: LimitsObject


@room.post("/-/explain", response_model=ExplanationObject)
async def explain_call(body: CallQuestion, gateway: deps.TheGateway) -> Response:
    """Say what would become of a call; nothing is counted, held or sent."""
    key = _key(gateway, body.key)
    question = Question(
        model=body.model,
        op=body.op,
        key=key,
        ip=body.ip,
        input_tokens=SHORTEST_PROMPT_TOKENS if body.input_tokens is None else body.input_tokens,
        max_tokens=body.max_tokens,
        tools=tuple(body.tools),
        tags=_tags(body.tags, key),
    )
    snap = gateway.snapshot
    found = explain(gateway, snap, question)
    error = found.error
    return json_reply(
        {
            "object": "explanation",
            "is_allowed": error is None,
            "status": 200 if error is None else error.status,
            "code": error and error.code,
            "message": error and error.message,
            "decided_by": found.decided_by,
            "steps": found.steps,
            "targets": list(_targets(gateway, snap, question, found)),
            "cost": found.cost and _cost(found.cost),
            "limits": _limits(gateway, key),
        }
    )


def _key(gateway: Gateway, key_id: str | None) -> KeyRecord | None:
    key = None if key_id is None else gateway.keys.get(key_id)
    if key is None and key_id is not None:
        raise NotFound(f"There is no key '{key_id}'.", code="key_not_found", param="key")
    return key


def _tags(tags: dict[str, str], key: KeyRecord | None) -> dict[str, str]:
    if len(tags) > MAX_TAGS or not all(name and is_tag(name, tags[name]) for name in tags):
        msg = f"'tags' are at most {MAX_TAGS} labels, as those of x-prism-tags."
        raise InvalidRequest(msg, code="invalid_value", param="tags")
    return tags if key is None else tags | tags_of_key(key.metadata)


def _targets(
    gateway: Gateway, snap: Snapshot, question: Question, found: Explanation
) -> Iterator[dict[str, object]]:
    """Show who has the model: those that are tried in their order, then the others."""
    match, targets = snap.catalog.match(question.model)
    tried = [step.target for step in found.targets.attempts] if found.targets else []
    org_id = question.key.org_id if question.key else None
    now_s = clock.monotonic_s()
    for target in [*tried, *(target for target in targets if target not in tried)]:
        place = tried.index(target) + 1 if target in tried else None
        price = snap.facts(question.model, target, org_id).price
        rates = {} if price is None else write_rates(price.rates)
        yield {
            "provider": target.provider.id,
            "model": target.model,
            "state": gateway.health.of(target.provider.id, now_s).state,
            "is_first": place == 1,
            "place": place,
            "reason": _left_out(snap, question, found, target) if place is None else _WHY[match],
            "price": price
            and {
                name: Raw(rates[name].encode()) if name in rates else None
                for name in ("input_per_mtok", "output_per_mtok")
            },
            "price_source": price and price.source,
        }


_WHY = {
    Match.MAPPED: "model_map sends the model here",
    Match.LISTED: "it has the model; providers are tried in the order of the configuration",
    Match.PREFIXED: "the name of the model begins with the id of this provider",
    Match.ONLY_UNKNOWN: "no provider lists the model, and this is the only one that lists none",
}


def _left_out(snap: Snapshot, question: Question, found: Explanation, target: Target) -> str:
    if question.key is not None and not may_use_provider(question.key, target.provider.id):
        return "the key may not use this provider"
    if endpoint_of(target.provider, question.op, target.model) is None:
        return f"this provider cannot do '{question.op}'"
    offered = found.offer.every.attempts if found.offer else ()
    if target in [step.target for step in offered]:
        return "it has no price here, and the call needs one"
    return f"a call tries {snap.max_attempts} at most (routing.failover)"


def _cost(cost: Cost) -> dict[str, object]:
    return {
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "max_output_tokens": cost.max_output_tokens,
        **usd("estimate", cost.estimate),
        **usd("at_most", cost.at_most),
    }


def _limits(gateway: Gateway, key: KeyRecord | None) -> dict[str, object]:
    now_s, limiter = clock.monotonic_s(), gateway.limiter
    state = None if key is None else limiter.state(key, now_s)
    is_managed = key is not None and key.key_type is KeyType.MANAGED
    mine = gateway.reserve.credits(key.id) if key is not None and is_managed else None
    return {
        "requests_limit": state and state.limit,
        "requests_remaining": state and state.remaining,
        "requests_reset_s": state and round(state.reset_s, 3),
        "tokens_limit": key and key.rate_limit_tpm,
        "tokens_remaining": key and limiter.tokens_left(key, now_s),
        "concurrency_limit": key and key.max_concurrency,
        "concurrency_running": key and limiter.running_of(key.id),
        **usd("credit_balance", mine.posted if mine else None),
        **usd("credit_held", mine.held if mine else None),
    }
