"""What is done once a second for those who watch: tell how providers and the process are doing."""

from collections.abc import Mapping

from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.memory import resident_bytes
from prismd.metering.tick import Vitals, tick
from prismd.routing.health import Health


async def pulse(gateway: Gateway) -> None:
    """Publish the states of providers that have changed, and a ``tick`` if it is watched."""
    now_s = clock.monotonic_s()
    healths = {name: gateway.health.of(name, now_s) for name in gateway.snapshot.catalog.providers}
    for provider_id, was, health in gateway.health.changed(healths):
        gateway.bus.publish(
            "provider",
            {"provider": provider_id, "state": health.state, "was": was, "reason": health.reason},
        )
    worst_lag_s = gateway.load.take_worst_lag_s()
    if gateway.bus.is_watched("tick"):
        body = tick(gateway.recorder, _vitals(gateway, worst_lag_s), _providers(healths))
        gateway.bus.publish("tick", body, is_kept=False)


def _vitals(gateway: Gateway, worst_lag_s: float) -> Vitals:
    return Vitals(
        uptime_s=clock.wall_s() - gateway.started_at_s,
        running=gateway.limiter.running,
        streams=len(gateway.streams),
        viewers=gateway.bus.viewer_count,
        loop_lag_s=worst_lag_s,
        waiting_writes=gateway.stores.state.waiting_writes,
        rss_bytes=resident_bytes(),
    )


def _providers(healths: Mapping[str, Health]) -> list[dict[str, object]]:
    return [
        {
            "id": provider_id,
            "state": health.state,
            "request_count": health.ok + health.failed,
            "error_count": health.failed,
            "latency_ewma_ms": health.latency_ewma_ms and round(health.latency_ewma_ms, 3),
        }
        for provider_id, health in healths.items()
    ]
