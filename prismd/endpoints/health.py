"""``/healthz``, ``/livez``, ``/readyz``: for load balancers and supervisors; no credential."""

from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply

room = APIRouter(tags=["health"], dependencies=[Depends(deps.public)])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether traffic should come here."""

    status: Literal["ready", "not_ready"]
    reasons: list[str] | None = None


@room.get("/healthz", response_model=Alive)
async def healthz() -> Response:
    """Say that the process answers."""
    return json_reply({"status": "ok"})


@room.get("/livez", response_model=Alive)
async def livez() -> Response:
    """Say that the process answers."""
    return json_reply({"status": "ok"})


@room.get(
    "/readyz",
    response_model=Readiness,
    response_model_exclude_none=True,
    responses={503: {"model": Readiness}},
)
async def readyz(gateway: deps.TheGateway) -> Response:
    """Say whether traffic should come here, and if not, why not."""
    reasons = gateway.not_ready_reasons()
    if reasons:
        return json_reply({"status": "not_ready", "reasons": reasons}, status=503)
    return json_reply({"status": "ready"})
