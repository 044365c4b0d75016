"""Run the daemon: open everything in order, serve, watch, and close everything in order.

Signals: TERM and INT stop it (a second one cuts what still runs), HUP reloads the configuration.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from functools import partial
from pathlib import Path

import uvicorn
from watchfiles import awatch

from prismd import __version__, app
from prismd.config.load import LoadedConfig, ReadConfig
from prismd.discovery import discover_for_ever
from prismd.flow.recover import recover
from prismd.flow.settle import retry_unsettled
from prismd.front.door import Door
from prismd.front.listen import listen, notify
from prismd.front.protocol import PrismHttpProtocol
from prismd.front.server import PrismServer
from prismd.front.stopping import Stopping
from prismd.gateway import Gateway
from prismd.kernel import clock, descriptors, logs
from prismd.kernel.errors import ConfigError, StorageBroken
from prismd.kernel.outbound import Outbound
from prismd.metering import public_prices
from prismd.metering.overrides import PriceOverrides
from prismd.policy.identity import KeyTable
from prismd.policy.load import PERIOD_S
from prismd.policy.reserve import HOLD_S, Reserve
from prismd.pulse import pulse
from prismd.reload import reload
from prismd.snapshot import build
from prismd.store import bodies as body_table
from prismd.store import budgets as budget_table
from prismd.store import idempotency, ledger
from prismd.store import keys as key_table
from prismd.store import prices as price_table
from prismd.store import requests as request_table
from prismd.store.datadir import DataDir
from prismd.store.db import Tx
from prismd.store.secrets import load_or_make_pepper
from prismd.store.soundness import rows_readable
from prismd.store.stores import Stores
from prismd.wire.audit import Actor

log = logging.getLogger("prism")

YOUNG_OBJECTS = 50_000
"""How many new objects there may be before a collection looks for cycles among them."""
PULSE_S = 1.0
SETTLE_S = 5.0
"""How long calls that were cut at the end may take to settle."""
SAVE_USE_S = 5.0
CHECKPOINT_S = 2.0
RETRY_S = 1.0
WINDOWS_KEPT_S = 63 * 86_400
"""Windows of budgets that are loaded: this month's and the one before."""
PRUNE_S = 3_600.0
PRUNE_BODIES_S = 60.0
TRACES_KEPT_S = 7 * 86_400.0
WATCH_LOOK_MS = 2_000
"""How long after the start, at most, a change is found that came before the watch began."""


async def run(read_config: ReadConfig) -> None:
    """Serve until a signal says stop.

    Raises:
        ConfigError: the configuration cannot be put in force, or the port is taken.
        StorageRefused, AlreadyRunning: the data directory cannot be used.
        StorageBroken: the disk has failed meanwhile.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    loaded = read_config()
    logs.set_up(loaded.config.logging.level, loaded.config.logging.format)
    data_dir = DataDir(loaded.config.server.data_path())
    stores = await Stores.open(data_dir, durability=loaded.config.storage.durability)
    outbound = Outbound()
    try:
        gateway = await _gateway(read_config, loaded, data_dir, stores, outbound)
        try:
            with logs.told(partial(gateway.bus.publish, "log")):
                await _serve(gateway)
        finally:
            await gateway.tasks.stop()
            with contextlib.suppress(Exception):
                await retry_unsettled(gateway)
                await gateway.save_use()
    finally:
        await outbound.aclose()
        await stores.aclose()


async def _gateway(
    read_config: ReadConfig,
    loaded: LoadedConfig,
    data_dir: DataDir,
    stores: Stores,
    outbound: Outbound,
) -> Gateway:
    state = stores.state
    with rows_readable(data_dir.state_db):
        # Everything is read before anything is written.
        keys = KeyTable(await key_table.load_all(state))
        overrides = PriceOverrides(await price_table.load_all(state))
        budgets = await budget_table.load(state)
        orphans = await ledger.orphans(state)
        pepper = await load_or_make_pepper(state, data_dir.master_key())
    snapshot = build(
        loaded,
        outbound=outbound,
        overrides=overrides,
        own_admin_token=data_dir.admin_token(),
    )
    reserve = Reserve()
    with rows_readable(data_dir.state_db):
        await recover(stores, orphans)
        reserve.load(
            await ledger.credit_balances(state),
            budgets,
            await budget_table.load_windows(state, since_s=clock.now_s() - WINDOWS_KEPT_S),
        )
    return Gateway(
        data_dir=data_dir,
        stores=stores,
        pepper=pepper,
        outbound=outbound,
        reserve=reserve,
        keys=keys,
        price_overrides=overrides,
        snapshot=snapshot,
        started_with=loaded.config,
        read_config=read_config,
    )


async def _serve(gateway: Gateway) -> None:
    config = gateway.snapshot.config.server
    open_limit = descriptors.raise_limit()
    listener = listen(config.host, config.port)
    door = Door(
        load=gateway.load,
        # Half of what can be open stays for who has a key, for providers and for files.
        max_strangers=min(config.max_unauthenticated_connections, open_limit // 2),
        slow_reader_timeout_s=config.slow_reader_timeout,
    )
    rooms = app.Rooms(gateway)
    server = PrismServer(
        uvicorn.Config(
            app.build(gateway, rooms),
            http=PrismHttpProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=config.tls.cert_file if config.tls else None,
            ssl_keyfile=config.tls.key_file if config.tls else None,
        ),
        door,
    )
    _handle_signals(
        gateway,
        Stopping(gateway, server, delay_s=config.drain_delay_s(), drain_s=config.shutdown_timeout),
    )
    _start_background(gateway, rooms)
    end_if_broken = partial(_end_if_broken, gateway, server)
    gateway.tasks.every(PULSE_S, end_if_broken, name="end-if-broken")
    scheme = "https" if config.tls else "http"
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("prismd %s listens on %s://%s:%d", __version__, scheme, shown, port)
    log.debug("up to %d connections and files can be open at once", open_limit)
    gateway.bus.publish("node", {"action": "started", "version": __version__})
    notify("READY=1")
    await server.serve(sockets=[listener])
    if left := server.server_state.tasks:  # calls that were cut still answer and settle
        for task in left:
            if not task.cancelling():  # uvicorn has, unless a second signal came
                task.cancel()
        await asyncio.wait(left, timeout=SETTLE_S)
    if not gateway.stores.state.is_healthy:
        msg = "the disk has failed (see the log above); start again to continue from what is on it"
        raise StorageBroken(msg)
    log.info("prismd has stopped")


async def _end_if_broken(gateway: Gateway, server: uvicorn.Server) -> None:
    """Stop at once when nothing can be written any more: no call could be accounted for."""
    if not gateway.stores.state.is_healthy:
        gateway.is_draining = True
        gateway.bus.close()
        server.force_exit = True
        server.should_exit = True


def _handle_signals(gateway: Gateway, stopping: Stopping) -> None:
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        gateway.tasks.spawn(_try_reload(gateway, Actor("signal")), name="reload")

    loop.add_signal_handler(signal.SIGTERM, stopping.terminate)
    loop.add_signal_handler(signal.SIGINT, stopping.interrupt)
    loop.add_signal_handler(signal.SIGHUP, hang_up)


def _start_background(gateway: Gateway, rooms: app.Rooms) -> None:
    spawn, every = gateway.tasks.spawn, gateway.tasks.every
    every(PULSE_S, partial(pulse, gateway), name="pulse")
    spawn(_watch_load(gateway), name="watch-load")
    every(SAVE_USE_S, gateway.save_use, name="save-use")
    every(CHECKPOINT_S, partial(_checkpoint, gateway), name="checkpoint-streams")
    every(RETRY_S, partial(retry_unsettled, gateway), name="retry-unsettled")
    every(PRUNE_S, partial(_prune, gateway), name="prune")
    every(PRUNE_BODIES_S, partial(_prune_bodies, gateway), name="prune-bodies")
    spawn(discover_for_ever(gateway), name="discover")
    spawn(_warm(gateway, rooms), name="warm")
    if gateway.snapshot.source is not None:
        spawn(_watch(gateway, gateway.snapshot.source), name="watch-config")


async def _watch_load(gateway: Gateway) -> None:
    """Take samples of how far the loop and the disk are behind."""
    while True:
        due_s = clock.monotonic_s() + PERIOD_S
        await asyncio.sleep(PERIOD_S)
        gateway.load.sample(
            max(0.0, clock.monotonic_s() - due_s),
            waiting_writes=gateway.stores.state.waiting_writes,
            patience_s=gateway.snapshot.config.server.overload_after,
        )


async def _checkpoint(gateway: Gateway) -> None:
    """Write down how far the running streams are: what a crash would be charged for."""
    tokens = {request_id: stream.output_tokens for request_id, stream in gateway.streams.items()}
    if not tokens:
        return
    expires_at_s = clock.wall_s() + HOLD_S

    def write(tx: Tx) -> None:
        ledger.checkpoint(tx, tokens, expires_at_s=expires_at_s)

    await gateway.stores.state.write(write)


async def _prune(gateway: Gateway) -> None:
    def traces(tx: Tx) -> int:
        return request_table.prune(tx, clock.wall_s() - TRACES_KEPT_S)

    def answers(tx: Tx) -> int:
        return idempotency.prune(tx, clock.now_s())

    await gateway.stores.state.write(answers)  # first: the other file may have failed for good
    await gateway.stores.traffic.write(traces)


async def _prune_bodies(gateway: Gateway) -> None:
    kept_s = gateway.snapshot.config.logging.request_logging.bodies_kept

    def old(tx: Tx) -> int:
        return body_table.prune(tx, clock.wall_s() - kept_s)

    await gateway.stores.traffic.write(old)


async def _warm(gateway: Gateway, rooms: app.Rooms) -> None:
    """Load what the first calls can do without, behind the listener."""
    try:
        await asyncio.to_thread(public_prices.warm)
        await rooms.loaded()
        gateway.bus.publish("node", {"action": "ready", "version": __version__})
        # What is there now stays: a collection that looks at all of it holds every call for 0.2 s.
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()


async def _watch(gateway: Gateway, source: Path) -> None:
    """Reload when the configuration file changes, also when an editor replaces it.

    What counts is how the files look, not that a change was announced: the first look, soon after
    the start, finds what was changed before the watch began.
    """
    is_folder = await asyncio.to_thread(source.is_dir)
    changes = awatch(
        source if is_folder else source.parent,
        watch_filter=lambda _, path: is_folder or Path(path) == source,
        recursive=False,
        rust_timeout=WATCH_LOOK_MS,
        yield_on_timeout=True,
    )
    seen = None
    async for _ in changes:
        looks = await asyncio.to_thread(_looks, source)
        if looks != seen:
            seen = looks
            await _try_reload(gateway, Actor("file"))


async def _try_reload(gateway: Gateway, actor: Actor) -> None:
    try:
        await reload(gateway, actor)
    except ConfigError:
        pass  # told in the log, on the bus and in /-/config
    except Exception:
        log.exception("the configuration cannot be reloaded")


def _looks(source: Path) -> list[tuple[str, int, int, int]]:
    """Return what changes when a file of the configuration does."""
    try:
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        stats = [(file.name, file.stat()) for file in files if file.exists()]
    except OSError:  # it goes away just now
        return []
    return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats]
