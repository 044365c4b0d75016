"""``GET /-/capabilities``: what this gateway can do now, for people and programs."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel

from prismd import __version__
from prismd.dialects.registry import DIALECTS
from prismd.endpoints import deps
from prismd.endpoints.credentials import Policy
from prismd.endpoints.replies import json_reply, time_text
from prismd.providers.base import ProviderSpec
from prismd.providers.formats import spoken
from prismd.providers.registry import ALL
from prismd.routing.catalog import Provider
from prismd.store.sqlite import SQLITE_VERSION
from prismd.wire.call import DialectName, Op

room = APIRouter(tags=["capabilities"], dependencies=[Depends(deps.admin)])


class OperationCapability(BaseModel):
    """How an operation is asked of a vendor."""

    op: Op
    dialect: DialectName
    path: str
    """Below the base URL; ``{model}`` is the vendor's name of the model."""
    stream_path: str | None
    """Where a stream is asked for, if that is another path."""
    models: list[str]
    """The beginnings of the names of the only models that have it; empty: all have."""


class VendorCapabilities(BaseModel):
    """A type of provider that can be configured."""

    type: str
    title: str
    docs_url: str
    base_url: str | None
    """Null: it is given in the configuration."""
    dialect: DialectName
    """What is spoken in chats."""
    api_formats: list[DialectName]
    """All that it speaks itself (``api_format``)."""
    ops: list[Op]
    """Its own; others are done here, or by a chat (``ops`` of the gateway)."""
    operations: list[OperationCapability]
    lists_models: bool
    """Whether it can be asked for its models."""


class ProviderCapabilities(BaseModel):
    """A configured provider and the operations that it serves."""

    id: str
    type: str
    title: str
    base_url: str | None
    dialect: DialectName
    ops: list[Op]
    operations: list[OperationCapability]
    """How each of ``ops`` is asked for."""
    passed_headers: list[str]
    """Headers of clients that go on to it."""
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
    dialects: list[DialectName]
    """What clients and providers may speak, each with each."""
    providers: list[ProviderCapabilities]
    vendors: list[VendorCapabilities]
    """All types of providers, configured or not."""
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
            "dialects": list(DIALECTS),
            "providers": [_view(one) for one in gateway.snapshot.catalog.providers.values()],
            "vendors": [_vendor(spec) for spec in ALL],
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
        "dialect": provider.spec.dialect,
        "ops": list(provider.spec.ops),
        "operations": _operations(provider.spec),
        "passed_headers": sorted(provider.passed_headers),
        "models": None if provider.models is None else len(provider.models),
        "is_local": provider.is_local,
    }


def _vendor(spec: ProviderSpec) -> dict[str, object]:
    return {
        "type": spec.type,
        "title": spec.title,
        "docs_url": spec.docs_url,
        "base_url": spec.base_url,
        "dialect": spec.dialect,
        "api_formats": list(spoken(spec)),
        "ops": list(spec.ops),
        "operations": _operations(spec),
        "lists_models": spec.listing is not None,
    }


def _operations(spec: ProviderSpec) -> list[dict[str, object]]:
    return [
        {
            "op": op,
            "dialect": endpoint.dialect,
            "path": endpoint.path,
            "stream_path": endpoint.stream_path,
            "models": list(endpoint.models),
        }
        for op, usual in spec.ops.items()
        for endpoint in (usual, *usual.instead)
    ]
