"""``GET /-/capabilities``: what this gateway can do now, for people and programs."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel

from prismd import __version__
from prismd.endpoints import deps
from prismd.endpoints.credentials import Policy
from prismd.endpoints.replies import json_reply, time_text
from prismd.routing.catalog import Provider
from prismd.store.sqlite import SQLITE_VERSION
from prismd.wire.call import Op

room = APIRouter(tags=["capabilities"], dependencies=[Depends(deps.admin)])


class ProviderCapabilities(BaseModel):
    """A configured provider and the operations that it serves."""

    id: str
    type: str
    title: str
    base_url: str | None
    dialect: str
    ops: list[Op]
    models: int | None
    """How many models are known; null when they are not."""
    is_local: bool


class EndpointCapability(BaseModel):
    """A route and who may use it."""

    method: str
    path: str
    policy: Policy


class Capabilities(BaseModel):
    """What this gateway can do."""

    object: Literal["capabilities"]
    version: str
    sqlite_version: str
    started_at: AwareDatetime
    ops: list[Op]
    providers: list[ProviderCapabilities]
    endpoints: list[EndpointCapability]


@room.get("/-/capabilities", response_model=Capabilities)
async def get_capabilities(request: Request, gateway: deps.TheGateway) -> Response:
    """Show version, operations, providers and endpoints."""
    return json_reply(
        {
            "object": "capabilities",
            "version": __version__,
            "sqlite_version": SQLITE_VERSION,
            "started_at": time_text(gateway.started_at_s),
            "ops": list(Op),
            "providers": [_view(one) for one in gateway.snapshot.catalog.providers.values()],
            "endpoints": [
                {"method": method, "path": path.replace(":path}", "}"), "policy": policy}
                for (method, path), policy in request.app.state.policies.items()
            ],
        }
    )


def _view(provider: Provider) -> dict[str, object]:
    return {
        "id": provider.id,
        "type": provider.spec.type,
        "title": provider.spec.title,
        "base_url": provider.base_url,
        "dialect": provider.spec.ops[Op.CHAT].dialect,
        "ops": list(provider.spec.ops),
        "models": None if provider.models is None else len(provider.models),
        "is_local": provider.is_local,
    }
