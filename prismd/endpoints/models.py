"""``GET /v1/models`` and ``/v1/models/{model}`` for keys, ``GET /-/models`` for the operator."""

from collections.abc import Iterable
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.replies import Usd, json_reply
from prismd.kernel.errors import NotFound
from prismd.kernel.jsonio import Raw
from prismd.policy.access import may_use_model, may_use_provider
from prismd.routing.catalog import Target
from prismd.snapshot import Snapshot
from prismd.wire.call import Caller
from prismd.wire.price import Price
from prismd.wire.rates import FIELDS, write_rates

room = APIRouter(tags=["models"], dependencies=[Depends(deps.caller)])
admin_room = APIRouter(tags=["models"], dependencies=[Depends(deps.admin)])

_LONG_NAMES = {
    field.name: field.name.replace("mtok", "m_tokens").replace("mchar", "m_chars")
    for field in FIELDS.values()
}


class Pricing(BaseModel):
    """Dollars per million tokens or characters, per image, per second …; below any tier.

    A rate that the model does not have is not there; parts of input and output without a rate of
    their own cost what the whole does.
    """

    input_per_m_tokens: Usd | None = None
    cached_input_per_m_tokens: Usd | None = None
    cache_write_per_m_tokens: Usd | None = None
    audio_input_per_m_tokens: Usd | None = None
    output_per_m_tokens: Usd | None = None
    reasoning_per_m_tokens: Usd | None = None
    audio_output_per_m_tokens: Usd | None = None
    per_m_chars: Usd | None = None
    per_image: Usd | None = None
    per_page: Usd | None = None
    per_audio_second: Usd | None = None
    per_video_second: Usd | None = None
    per_search: Usd | None = None
    per_request: Usd | None = None


class ModelObject(BaseModel):
    """A model; window and price where they are known. Prices are those of the caller's org."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_input_tokens: int | None = None
    pricing: Pricing | None = None
    is_priced: bool
    """False: what it costs is not known, and calls of it are in no cost."""
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
    org_id = caller.key.org_id
    return json_reply(_list(_model(snap, name, found, org_id) for name, found in usable if found))


@room.get("/v1/models/{model:path}", response_model=ModelObject, response_model_exclude_none=True)
async def get_model(model: str, gateway: deps.TheGateway, caller: deps.TheCaller) -> Response:
    """Look at one model; one that the key may not use does not exist for it."""
    snap = gateway.snapshot
    target = _usable(snap, caller, model)
    if target is None:
        msg = f"The model '{model}' does not exist, or this key may not use it."
        raise NotFound(msg, code="model_not_found", param="model")
    return json_reply(_model(snap, model, target, caller.key.org_id))


@admin_room.get("/-/models", response_model=ModelList, response_model_exclude_none=True)
async def list_all_models(gateway: deps.TheGateway) -> Response:
    """List every model of the catalog."""
    snap = gateway.snapshot
    names = snap.catalog.names()
    return json_reply(_list(_model(snap, name, snap.catalog.find(name)[0], None) for name in names))


def _usable(snap: Snapshot, caller: Caller, name: str) -> Target | None:
    if not may_use_model(caller.key, name):
        return None
    for target in snap.catalog.find(name):
        if may_use_provider(caller.key, target.provider.id):
            return target
    return None


def _list(models: Iterable[dict[str, object]]) -> dict[str, object]:
    return {"object": "list", "data": list(models)}


def _model(snap: Snapshot, name: str, target: Target, org_id: str | None) -> dict[str, object]:
    facts = snap.facts(name, target, org_id)
    model: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": target.provider.id,
        "is_priced": facts.price is not None,
    }
    if facts.context_tokens is not None:
        model["max_input_tokens"] = facts.context_tokens
    if facts.price is not None:
        model |= {"pricing": _pricing(facts.price), "price_source": facts.price.source}
    return model


def _pricing(price: Price) -> dict[str, object]:
    """Write the rates, by the names that this route has had from the beginning."""
    pricing: dict[str, object] = {
        _LONG_NAMES[name]: Raw(dollars.encode())
        for name, dollars in write_rates(price.rates).items()
    }
    if (whole := pricing.get("input_per_m_tokens")) is not None:
        pricing.setdefault("cached_input_per_m_tokens", whole)
    return pricing
