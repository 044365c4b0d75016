"""A gateway inside the test's own process, on real stores: for tests that must look inside."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from prismd import app, daemon
from prismd.config.load import load
from prismd.gateway import Gateway
from prismd.kernel.outbound import Outbound
from prismd.store.datadir import DataDir
from prismd.store.stores import Stores

CONFIG = "providers:\n  fake: {type: fake}\n"


@asynccontextmanager
async def running_gateway(folder: Path) -> AsyncIterator[Gateway]:
    """Compose a gateway as the daemon does, without its socket and its background work."""
    config, data_dir = folder / "prism.yaml", DataDir(folder / "data")
    config.write_text(CONFIG)
    data_dir.create()
    data_dir.ensure_secrets()
    stores, outbound = await Stores.open(data_dir), Outbound()
    read = partial(load, config, overrides={})
    loaded = read()
    try:
        gateway = await daemon._gateway(read, loaded, data_dir, stores, outbound)
        yield gateway
        await gateway.tasks.stop()
    finally:
        await outbound.aclose()
        await stores.aclose()


@asynccontextmanager
async def client_of(gateway: Gateway, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Speak to the app of a gateway without a socket."""
    transport = httpx2.ASGITransport(
        _unconnected(app.build(gateway, app.Rooms(gateway))), raise_app_exceptions=False
    )
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


class _NoConnection:
    """What the front's protocol puts into a scope, where there is no socket."""

    disconnected = False
    on_leave: Callable[[], None] | None = None
    on_known = None

    def take_body(self) -> bytes | None:
        return None


def _unconnected(served: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await served({**scope, "exchange": _NoConnection()}, receive, send)

    return serve
