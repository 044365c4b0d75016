"""The client that is not hot is loaded when somebody asks, once, and closed with the rest."""

import asyncio
from typing import Any

import pytest

from prismd.kernel import outbound_client
from prismd.kernel.outbound import Outbound


async def test_it_is_loaded_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Client:
        def __init__(self) -> None:
            said.append("made")

        async def open(self, method: str, url: str, **_: Any) -> None:
            said.append(f"{method} {url}")

        async def aclose(self) -> None:
            said.append("closed")

    monkeypatch.setattr(outbound_client, "OutboundClient", Client)
    outbound = Outbound()
    assert said == []
    await asyncio.gather(*(outbound.open("GET", url, timeout_s=1) for url in ("a", "b")))
    await outbound.aclose()
    assert said == ["made", "GET a", "GET b", "closed"]


async def test_nothing_is_loaded_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(outbound_client, "OutboundClient")
    await Outbound().aclose()
