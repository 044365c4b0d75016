"""``GET /v1/models`` and ``/v1/models/{model}`` for keys, ``GET /-/models`` for the operator."""

from collections.abc import Iterable
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.replies import Usd, json_reply
from prismd.kernel.errors import NotFound
from prismd.kernel.jsonio import Raw
from prismd.kernel.money import PicoUsd, format_per_million
from prismd.policy.access import may_use_model, may_use_provider
from prismd.routing.catalog import Target
from prismd.snapshot import Snapshot
from prismd.wire.call import Caller
from prismd.wire.price import Price

room = APIRouter(tags=["models"], dependencies=[Depends(deps.caller)])
admin_room = APIRouter(tags=["models"], dependencies=[Depends(deps.admin)])


class Pricing(BaseModel):
    """Dollars per million tokens, below any tier."""

    input_per_m_tokens: Usd
    cached_input_per_m_tokens: Usd
    output_per_m_tokens: Usd


class ModelObject(BaseModel):
    """A model; window and price where they are known."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_input_tokens: int | None = None
    pricing: Pricing | None = None
    price_source: str | None = None


class ModelList(BaseModel):
    """Models, sorted by id."""

    object: Literal["list"]
    data: list[ModelObject]


@room.get("/v1/models", response_model=ModelList, response_model_exclude_none=True)
async def list_models(gateway: deps.TheGateway, caller: deps.TheCaller) -> Response:
    """List the models that this key may use."""
    snap = gateway.snapshot
    usable = ((name, _usable(snap, caller, name)) for name in snap.catalog.names())
    return json_reply(_list(snap, ((name, target) for name, target in usable if target)))


@room.get("/v1/models/{model:path}", response_model=ModelObject, response_model_exclude_none=True)
async def get_model(model: str, gateway: deps.TheGateway, caller: deps.TheCaller) -> Response:
    """Look at one model; one that the key may not use does not exist for it."""
    snap = gateway.snapshot
    target = _usable(snap, caller, model)
    if target is None:
        msg = f"The model '{model}' does not exist, or this key may not use it."
        raise NotFound(msg, code="model_not_found", param="model")
    return json_reply(_model(snap, model, target))


@admin_room.get("/-/models", response_model=ModelList, response_model_exclude_none=True)
async def list_all_models(gateway: deps.TheGateway) -> Response:
    """List every model of the catalog."""
    snap = gateway.snapshot
    names = snap.catalog.names()
    return json_reply(_list(snap, ((name, snap.catalog.find(name)[0]) for name in names)))


def _usable(snap: Snapshot, caller: Caller, name: str) -> Target | None:
    if not may_use_model(caller.key, name):
        return None
    for target in snap.catalog.find(name):
        if may_use_provider(caller.key, target.provider.id):
            return target
    return None


def _list(snap: Snapshot, models: Iterable[tuple[str, Target]]) -> dict[str, object]:
    return {"object": "list", "data": [_model(snap, name, target) for name, target in models]}


def _model(snap: Snapshot, name: str, target: Target) -> dict[str, object]:
    facts = snap.facts(name, target)
    model: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": target.provider.id,
    }
    if facts.context_tokens is not None:
        model["max_input_tokens"] = facts.context_tokens
    if facts.price is not None:
        model |= {"pricing": _pricing(facts.price), "price_source": facts.price.source}
    return model


def _pricing(price: Price) -> dict[str, object]:
    rates = price.rates
    return {
        "input_per_m_tokens": _per_million(rates.input),
        "cached_input_per_m_tokens": _per_million(rates.cached_input),
        "output_per_m_tokens": _per_million(rates.output),
    }


def _per_million(price: PicoUsd) -> Raw:
    return Raw(format_per_million(price).encode())
