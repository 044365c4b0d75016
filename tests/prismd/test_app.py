"""Rooms that are not loaded yet, or cannot be: who waits, who does not, and what is served."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter

from prismd import rooms
from prismd.gateway import Gateway
from tests.in_process import client_of, running_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path) as running:
        yield running


@pytest.fixture
async def operator(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    token = gateway.data_dir.admin_token()
    assert token is not None
    async with client_of(gateway, token.reveal()) as client:
        yield client


@pytest.fixture
def let_go(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold the load until the event is set."""
    may_go, build = threading.Event(), rooms.build

    def slow_build(*args: Any) -> Any:
        assert may_go.wait(timeout=10)
        return build(*args)

    monkeypatch.setattr(rooms, "build", slow_build)
    yield may_go
    may_go.set()


async def test_only_rooms_wait_for_the_load(
    operator: httpx2.AsyncClient, let_go: threading.Event
) -> None:
    listing = [asyncio.create_task(operator.get("/-/keys")) for _ in range(2)]
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await operator.get(path)).status_code == 200
        head = await operator.head(path)
        assert (head.status_code, head.content) == (200, b"")
    chat = await operator.post("/v1/chat/completions", json={})
    assert chat.json()["error"]["code"] == "admin_token_on_api"
    assert not any(task.done() for task in listing)
    let_go.set()
    for answer in await asyncio.gather(*listing):
        assert answer.json()["data"] == []


async def test_who_leaves_during_the_load_takes_it_from_nobody(
    operator: httpx2.AsyncClient, let_go: threading.Event
) -> None:
    leaves, stays = (asyncio.create_task(operator.get("/-/keys")) for _ in range(2))
    await operator.get("/livez")  # both have asked by now
    leaves.cancel()
    let_go.set()
    assert (await stays).status_code == 200


async def test_no_room_is_served_if_one_has_no_policy(
    operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = APIRouter()
    stray.add_api_route("/stray", lambda: "hello")
    monkeypatch.setattr(rooms, "ROOMS", (*rooms.ROOMS, stray))
    for path in ("/stray", "/-/keys", "/stray"):
        answer = await operator.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert (await operator.get("/livez")).status_code == 200
