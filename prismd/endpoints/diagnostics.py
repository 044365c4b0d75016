"""``/-/config``, ``/-/reload``, ``/-/metrics``, ``/-/health/providers``, ``/-/openapi.json``."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, JsonValue

from prismd.config.redact import public_view
from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply, time_text
from prismd.kernel import clock
from prismd.kernel.errors import ConfigError, InvalidRequest
from prismd.metering import prometheus
from prismd.policy.load import BUCKETS_S
from prismd.providers.sender import HttpUpstream
from prismd.reload import reload
from prismd.routing.catalog import Provider
from prismd.routing.health import WINDOW_S, Health

room = APIRouter(tags=["diagnostics"], dependencies=[Depends(deps.admin)])


class LastError(BaseModel):
    """Why the newest configuration is not in force."""

    at: AwareDatetime
    problems: list[str]


class ConfigObject(BaseModel):
    """The configuration in force; references to secrets are shown as written, never resolved."""

    object: Literal["config"]
    hash: str
    source: str | None
    loaded_at: AwareDatetime
    last_error: LastError | None
    needs_restart: list[str]
    config: dict[str, JsonValue]


class Reloaded(BaseModel):
    """What a reload did."""

    status: Literal["reloaded", "unchanged"]
    hash: str
    needs_restart: list[str]


class ProviderHealth(BaseModel):
    """How a provider is doing, from real calls of the last minutes."""

    id: str
    type: str
    healthy: bool
    state: Literal["healthy", "degraded", "failing", "idle"]
    circuit_state: Literal["n/a"]
    request_count: int
    error_count: int
    success_rate: float | None
    latency_ewma_ms: float | None
    last_error: str | None
    last_error_time: AwareDatetime | None
    last_success_time: AwareDatetime | None


class ProvidersHealth(BaseModel):
    """Every configured provider, also those without traffic."""

    object: Literal["list"]
    window_s: int
    providers: list[ProviderHealth]


@room.get("/-/config", response_model=ConfigObject)
async def get_config(gateway: deps.TheGateway) -> Response:
    """Show the configuration in force."""
    snap, error = gateway.snapshot, gateway.last_config_error
    return json_reply(
        {
            "object": "config",
            "hash": snap.hash,
            "source": str(snap.source) if snap.source else None,
            "loaded_at": time_text(snap.loaded_at_s),
            "last_error": error and {"at": time_text(error.at_s), "problems": error.problems},
            "needs_restart": gateway.needs_restart,
            "config": public_view(snap.config),
        }
    )


@room.post("/-/reload", response_model=Reloaded)
async def reload_config(gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Read the configuration again and put it in force, whole or not at all."""
    try:
        changed = await reload(gateway, actor)
    except ConfigError as error:
        lines = "; ".join(error.problems)
        msg = f"The configuration was not changed: {lines}"
        details = {"problems": error.problems}
        raise InvalidRequest(msg, code="invalid_config", details=details) from None
    return json_reply(
        {
            "status": "reloaded" if changed else "unchanged",
            "hash": gateway.snapshot.hash,
            "needs_restart": gateway.needs_restart,
        }
    )


@room.get(
    "/-/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(gateway: deps.TheGateway) -> Response:
    """Show the counters in Prometheus' text format."""
    now_s, load, stores = clock.monotonic_s(), gateway.load, gateway.stores
    databases = {"state": stores.state, "traffic": stores.traffic}
    gauges = prometheus.Gauges(
        uptime_s=clock.wall_s() - gateway.started_at_s,
        running_calls=gateway.limiter.running,
        keys=len(gateway.keys),
        provider_up={
            provider_id: gateway.health.of(provider_id, now_s).state != "failing"
            for provider_id in gateway.snapshot.catalog.providers
        },
        loop_lag=prometheus.Lag(BUCKETS_S, load.lag_buckets, load.lag_sum_s),
        shed_by_reason=load.shed_by_reason,
        waiting_writes={name: store.waiting_writes for name, store in databases.items()},
        last_commit_s={name: store.last_commit_s for name, store in databases.items()},
        connections={
            provider.id: provider.upstream.use._asdict()
            for provider in gateway.snapshot.catalog.providers.values()
            if isinstance(provider.upstream, HttpUpstream)
        },
        viewers=gateway.bus.viewer_count,
    )
    page = prometheus.render(gateway.recorder, gauges)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")


@room.get("/-/health/providers", response_model=ProvidersHealth)
async def health_of_providers(gateway: deps.TheGateway) -> Response:
    """Show how the providers are doing."""
    now_s = clock.monotonic_s()
    providers = [
        _health(provider, gateway.health.of(provider.id, now_s))
        for provider in gateway.snapshot.catalog.providers.values()
    ]
    return json_reply({"object": "list", "window_s": WINDOW_S, "providers": providers})


@room.get("/-/openapi.json", response_model=dict[str, JsonValue])
async def openapi(request: Request) -> Response:
    """Show the OpenAPI document of everything that is served here."""
    return json_reply(request.app.state.openapi())


def _health(provider: Provider, health: Health) -> dict[str, object]:
    return {
        "id": provider.id,
        "type": provider.spec.type,
        "healthy": health.state != "failing",
        "state": health.state,
        "circuit_state": "n/a",
        "request_count": health.ok + health.failed,
        "error_count": health.failed,
        "success_rate": health.success_ratio,
        "latency_ewma_ms": health.latency_ewma_ms and round(health.latency_ewma_ms, 3),
        "last_error": health.last_error,
        "last_error_time": time_text(health.last_error_at_s),
        "last_success_time": time_text(health.last_success_at_s),
    }
