"""The models: ``/v1/models`` and ``/v1beta/models`` for keys, ``GET /-/models`` for the operator.

A key sees the models that it may use, in the shape of the SDK that asks (``dialects/spoken``).
OpenAI's has all in one list; the others have pages, whose cursors are names of models: what was
added or removed between two pages moves no other model from its place.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from prismd.dialects.spoken import dialect_of
from prismd.endpoints import deps
from prismd.endpoints.model_types import (
    AnthropicModel,
    AnthropicModels,
    GoogleModel,
    GoogleModels,
    ModelList,
    ModelObject,
    anthropic_view,
    google_view,
    openai_view,
)
from prismd.endpoints.queries import page_size
from prismd.endpoints.replies import json_reply
from prismd.kernel.errors import NotFound
from prismd.policy.access import may_use_model, may_use_provider
from prismd.routing.catalog import Target
from prismd.snapshot import Snapshot
from prismd.wire.call import Caller, DialectName
from prismd.wire.price import ModelFacts

room = APIRouter(tags=["models"], dependencies=[Depends(deps.caller)])
admin_room = APIRouter(tags=["models"], dependencies=[Depends(deps.admin)])

View = Callable[[str, Target, ModelFacts], dict[str, object]]

_VIEWS: Mapping[DialectName, View] = {
    DialectName.ANTHROPIC: anthropic_view,
    DialectName.GOOGLE: google_view,
}
MAX_PAGE = 1000
ANTHROPIC_PAGE = 20
GOOGLE_PAGE = 50
"""How many models are on a page if nothing is said: as the vendors' own APIs have it."""

_AnyList = ModelList | AnthropicModels | GoogleModels
_AnyModel = ModelObject | AnthropicModel | GoogleModel
_Limit = Annotated[str | None, Query(description="Anthropic's shape: models on a page")]
_After = Annotated[str | None, Query(description="Anthropic's shape: models after this one")]
_Before = Annotated[str | None, Query(description="Anthropic's shape: models before this one")]
_Size = Annotated[str | None, Query(alias="pageSize", description="Google's shape: on a page")]
_Token = Annotated[str | None, Query(alias="pageToken", description="Google's shape: next page")]


@room.get("/v1/models", response_model=_AnyList, response_model_exclude_none=True)
async def list_models(
    request: Request,
    gateway: deps.TheGateway,
    caller: deps.TheCaller,
    *,
    limit: _Limit = None,
    after_id: _After = None,
    before_id: _Before = None,
    page_size_text: _Size = None,
    page_token: _Token = None,
) -> Response:
    """List the models that this key may use."""
    shown = _Shown(gateway.snapshot, caller)
    match _asking(request):
        case DialectName.ANTHROPIC:
            size = page_size("limit", limit, usual=ANTHROPIC_PAGE, most=MAX_PAGE)
            return json_reply(_anthropic_page(shown, size, after_id, before_id))
        case DialectName.GOOGLE:
            return json_reply(_google_page(shown, page_size_text, page_token))
        case _:
            data = shown.views(openai_view, shown.names)
            return json_reply({"object": "list", "data": data})


@room.get("/v1beta/models", response_model=GoogleModels, response_model_exclude_none=True)
async def list_google_models(
    gateway: deps.TheGateway,
    caller: deps.TheCaller,
    *,
    page_size_text: _Size = None,
    page_token: _Token = None,
) -> Response:
    """List the models that this key may use, in Google's shape."""
    shown = _Shown(gateway.snapshot, caller)
    return json_reply(_google_page(shown, page_size_text, page_token))


@room.get("/v1/models/{model:path}", response_model=_AnyModel, response_model_exclude_none=True)
@room.get(
    "/v1beta/models/{model:path}", response_model=GoogleModel, response_model_exclude_none=True
)
async def get_model(
    model: str, request: Request, gateway: deps.TheGateway, caller: deps.TheCaller
) -> Response:
    """Look at one model; one that the key may not use does not exist for it."""
    snap = gateway.snapshot
    target = _usable(snap, caller, model)
    if target is None:
        msg = f"The model '{model}' does not exist, or this key may not use it."
        raise NotFound(msg, code="model_not_found", param="model")
    view = _VIEWS.get(_asking(request), openai_view)
    return json_reply(view(model, target, snap.facts(model, target, caller.key.org_id)))


@admin_room.get("/-/models", response_model=ModelList, response_model_exclude_none=True)
async def list_all_models(gateway: deps.TheGateway) -> Response:
    """List every model of the catalog."""
    snap = gateway.snapshot
    found = ((name, snap.catalog.find(name)[0]) for name in snap.catalog.names())
    data = [openai_view(name, target, snap.facts(name, target)) for name, target in found]
    return json_reply({"object": "list", "data": data})


class _Shown:
    """What a key may see."""

    def __init__(self, snap: Snapshot, caller: Caller) -> None:
        """Look which of all models the key may use."""
        self._snap = snap
        self._org_id = caller.key.org_id
        usable = ((name, _usable(snap, caller, name)) for name in snap.catalog.names())
        self._usable = {name: target for name, target in usable if target is not None}
        self.names = list(self._usable)
        """Sorted."""

    def views(self, view: View, names: list[str]) -> list[dict[str, object]]:
        """Write some of them."""
        found = ((name, self._usable[name]) for name in names)
        return [
            view(name, target, self._snap.facts(name, target, self._org_id))
            for name, target in found
        ]


def _asking(request: Request) -> DialectName:
    scope = request.scope
    return dialect_of(scope["method"], scope["path"], scope["head"])


def _usable(snap: Snapshot, caller: Caller, name: str) -> Target | None:
    if not may_use_model(caller.key, name):
        return None
    for target in snap.catalog.find(name):
        if may_use_provider(caller.key, target.provider.id):
            return target
    return None


def _anthropic_page(
    shown: _Shown, size: int, after_id: str | None, before_id: str | None
) -> dict[str, object]:
    names = shown.names
    first = 0 if after_id is None else bisect_right(names, after_id)
    end = len(names) if before_id is None else bisect_left(names, before_id)
    if before_id is not None and after_id is None:  # the page that ends there
        page = names[max(first, end - size) : end]
        has_more = end - size > first
    else:
        page = names[first : min(end, first + size)]
        has_more = first + size < end
    return {
        "data": shown.views(anthropic_view, page),
        "has_more": has_more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _google_page(shown: _Shown, size_text: str | None, token: str | None) -> dict[str, object]:
    size = page_size("pageSize", size_text, usual=GOOGLE_PAGE, most=MAX_PAGE)
    first = 0 if token is None else bisect_right(shown.names, token)
    page = shown.names[first : first + size]
    told: dict[str, object] = {"models": shown.views(google_view, page)}
    if first + size < len(shown.names):
        told["nextPageToken"] = page[-1]
    return told
