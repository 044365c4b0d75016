"""Put a configuration in force: one function for a changed file, SIGHUP and ``POST /-/reload``.

``look`` goes as far as that, and stops before it: for ``POST /-/config/check``.

Whole or not at all: the new snapshot is built completely before it is swapped in; a fault leaves
the old one in force and is kept for ``GET /-/config``. Running calls end on the snapshot they
began with.
"""

import asyncio
import logging

from prismd.config.changes import changed_paths
from prismd.config.model import needs_restart
from prismd.gateway import ConfigFault, Gateway
from prismd.kernel import clock, logs
from prismd.kernel.errors import ConfigError
from prismd.kernel.outbound import Outbound
from prismd.kernel.pool import Origin
from prismd.providers.sender import HttpUpstream
from prismd.snapshot import Snapshot, build
from prismd.store.db import Tx
from prismd.wire.audit import Actor, Change

log = logging.getLogger("prism.reload")


async def reload(gateway: Gateway, actor: Actor) -> bool:
    """Read the configuration again and put it in force; return whether anything changed.

    Raises:
        ConfigError: it cannot be; what was in force stays in force.
    """
    async with gateway.reloading:
        old = gateway.snapshot
        try:
            loaded = await asyncio.to_thread(gateway.read_config)
            token = gateway.data_dir.admin_token()
            snapshot = build(
                loaded,
                outbound=gateway.outbound,
                overrides=gateway.price_overrides,
                own_admin_token=token,
            )
        except ConfigError as error:
            gateway.last_config_error = ConfigFault(clock.wall_s(), error.problems)
            gateway.bus.publish("config", {"action": "refused", "problems": error.problems})
            log.warning("configuration not changed: %s", "; ".join(error.problems))
            raise
        if snapshot.hash != old.hash:
            await _write_down(gateway, actor, old.hash, snapshot.hash)
        gateway.last_config_error = None
        gateway.needs_restart = needs_restart(gateway.started_with, snapshot.config)
        # What is in force now, not what was before the awaits: models may have been discovered.
        gateway.swap(snapshot.keeping(gateway.snapshot))
        gateway.outbound.pools.keep(_origins(snapshot))
        logging_ = snapshot.config.logging
        if logging_ != old.config.logging:
            logs.set_up(logging_.level, logging_.format)
        if snapshot.hash == old.hash:
            return False  # in force all the same: a secret behind a reference may be a new one
        changes = changed_paths(old.config, snapshot.config)
        gateway.bus.publish(
            "config", {"action": "reloaded", "hash": snapshot.hash, "changes": changes}
        )
        log.info("configuration %s in force", snapshot.hash[:12])
        return True


async def look(gateway: Gateway, text: str | None) -> Snapshot:
    """Build what a text, or else the file, would put in force, and put nothing in force.

    Raises:
        ConfigError: it cannot be.
    """
    loaded = await asyncio.to_thread(gateway.read_config, text=text)
    outbound = Outbound()  # of its own: nothing of it stays
    try:
        return build(
            loaded,
            outbound=outbound,
            overrides=gateway.price_overrides,
            own_admin_token=gateway.data_dir.admin_token(),
        )
    finally:
        await outbound.aclose()


def _origins(snapshot: Snapshot) -> set[Origin]:
    upstreams = (provider.upstream for provider in snapshot.catalog.providers.values())
    return {upstream.origin for upstream in upstreams if isinstance(upstream, HttpUpstream)}


async def _write_down(gateway: Gateway, actor: Actor, before: str, after: str) -> None:
    """Put a change of the configuration into the audit log; it is durable before it is in force."""
    change = Change("config.reloaded", "config", {"hash": (before, after)})

    def write(tx: Tx) -> None:
        gateway.audit.append(tx, actor, change, at_s=clock.wall_s())

    await gateway.stores.state.write(write)
