"""The socket side: heads that are too large, too many or too slow are cut, and the rest goes on."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from prismd.front import protocol
from prismd.front.protocol import MAX_HEAD_BYTES, MAX_HEADERS, PrismHttpProtocol

GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SHORT_S = 0.1


async def hello(_: Scope, __: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config, state = uvicorn.Config(hello, log_config=None, ws="none"), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PrismHttpProtocol(config, state, {}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.transport.close()


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Send parts, as far as they are taken, and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET / HTTP/1.1", "host: x", "connection: close", *lines, "", ""]).encode()


async def test_a_head_at_the_limit_is_served(port: int) -> None:
    most = [f"h{number}: v" for number in range(MAX_HEADERS - 2)]
    assert (await answer_to(port, head(*most))).startswith(b"HTTP/1.1 200 ")
    assert (await answer_to(port, head("h: " + "v" * 30_000))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "bytes_",
    [
        head(*[f"h{number}: v" for number in range(MAX_HEADERS)]),
        head("h: " + "v" * MAX_HEAD_BYTES),
        head(*[f"h{number}: " + "v" * 1_000 for number in range(40)]),
        b"GET /" + b"p" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nh: " + b"v" * (MAX_HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\n" + b"h: v\r\n" * 20_000,
    ],
    ids=["many", "long value", "many long", "long path", "no end of value", "no end of headers"],
)
async def test_a_larger_head_is_431(port: int, bytes_: bytes) -> None:
    answer = await answer_to(port, bytes_)
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"), answer[:200]
    assert b"x-request-id: req_" in start
    assert json.loads(body)["error"]["code"] == "headers_too_large"


async def test_a_head_that_grows_in_small_pieces_is_cut(port: int) -> None:
    pieces = [b"GET / HTTP/1.1\r\n", *[b"h: " + b"v" * 1_000 + b"\r\n"] * 40]
    answer = await answer_to(port, *pieces)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("first", [b"", b"GET", b"GET / HTTP/1.1\r\nhost: x\r\n", GOOD + b"GET"])
async def test_a_slow_head_is_cut(port: int, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    async with asyncio.timeout(5):
        answer = await answer_to(port, first)
    assert answer.startswith(b"HTTP/1.1 200 ") if first.startswith(GOOD) else answer == b""


async def test_a_head_that_trickles_is_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nx: ")
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):  # not while it trickles
            async with asyncio.timeout(SHORT_S / 2):
                await reader.read()
        while not reader.at_eof():
            writer.write(b"y")
            try:
                async with asyncio.timeout(SHORT_S / 10):
                    assert await reader.read() == b""
            except TimeoutError:
                continue
            except ConnectionError:
                break
    writer.close()


async def test_the_deadline_is_for_the_head_alone(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", SHORT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(GOOD)
        assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S * 2):
                await reader.read(1)
    writer.close()
