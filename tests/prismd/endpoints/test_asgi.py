"""Reading a body: counted, and not for ever."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive

from prismd.endpoints import asgi
from prismd.endpoints.asgi import read_body
from prismd.kernel.errors import RequestTimeout


class Unread:
    def take_body(self) -> None:
        return None


SCOPE: dict[str, Any] = {"head": {}, "exchange": Unread()}


def pieces(*bodies: bytes, pause_s: float = 0.0, ends: bool = True) -> Receive:
    """Give pieces of a body with pauses between; without an end, wait for ever after them."""
    rest: Iterator[bytes] = iter(bodies)
    left = len(bodies)

    async def receive() -> dict[str, Any]:
        nonlocal left
        await asyncio.sleep(pause_s)
        if not left:
            await asyncio.Event().wait()
        left -= 1
        return {"type": "http.request", "body": next(rest), "more_body": left > 0 or not ends}

    return receive


async def test_a_body_in_pieces_is_read() -> None:
    assert await read_body(SCOPE, pieces(b"ab", b"", b"c"), 10) == b"abc"


async def test_a_body_that_stops_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_GRACE_S", 0.05)
    with pytest.raises(RequestTimeout) as caught:
        await read_body(SCOPE, pieces(b"ab", ends=False), 10)
    assert (caught.value.status, caught.value.headers["connection"]) == (408, "close")


async def test_a_body_that_trickles_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_GRACE_S", 0.05)
    with pytest.raises(RequestTimeout):
        await read_body(SCOPE, pieces(*[b"x"] * 200, pause_s=0.005), 1_000)


async def test_a_large_body_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_GRACE_S", 0.02)
    bodies = [b"x" * 1_000] * 20  # 5 s worth at the least rate
    body = await read_body(SCOPE, pieces(*bodies, pause_s=0.005), 100_000)
    assert len(body) == 20_000
