import asyncio
import threading
from functools import partial
from pathlib import Path

from prismd.config.load import LoadedConfig, load
from prismd.gateway import Gateway
from prismd.reload import reload
from prismd.wire.audit import Actor
from tests.in_process import running_gateway

ACTOR = Actor("test")
WITH_NEAR = "providers:\n  near: {type: ollama}\n"


async def put_in_force(gateway: Gateway, file: Path, text: str) -> None:
    file.write_text(text)
    gateway.read_config = partial(load, file, overrides={})
    assert await reload(gateway, ACTOR)


async def test_models_discovered_during_a_reload_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    async with running_gateway(tmp_path) as gateway:
        await put_in_force(gateway, file, WITH_NEAR)
        is_reading, may_end = threading.Event(), threading.Event()

        def slowly(*, text: str | None = None) -> LoadedConfig:
            loaded = load(file, text=text, overrides={})
            is_reading.set()
            assert may_end.wait(5)
            return loaded

        gateway.read_config = slowly
        file.write_text(WITH_NEAR + "logging: {level: info}\nmodel_map: {a: near/b}\n")
        task = gateway.tasks.spawn(_reload(gateway), name="reload")
        async with asyncio.timeout(5):
            while not is_reading.is_set():
                await asyncio.sleep(0)
        near = gateway.snapshot.catalog.providers["near"]
        assert gateway.put_models(near, ("llama",))
        may_end.set()
        await task
        assert gateway.snapshot.catalog.names() == ["a", "llama"]


async def _reload(gateway: Gateway) -> None:
    assert await reload(gateway, ACTOR)
