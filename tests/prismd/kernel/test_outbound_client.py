"""The client against small servers: limits, time-outs, and what must never happen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from prismd.kernel import outbound_client as module
from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_client import OutboundResponse
from prismd.kernel.outbound_error import OutboundBroken, OutboundRefused, OutboundTimeout

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def pool() -> AsyncIterator[Outbound]:
    client = Outbound()
    yield client
    await client.aclose()


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(connection, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"


def saying(*answers: bytes) -> tuple[Serve, list[bytes]]:
    """Serve one keep-alive connection with these answers, and keep the requests."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            got.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()

    return serve, got


async def get(pool: Outbound, url: str, timeout_s: float = 5) -> OutboundResponse:
    return await pool.open("GET", url, timeout_s=timeout_s)


async def test_no_cookie_is_kept(pool: Outbound) -> None:
    cookie = OK + b"set-cookie: session=1; Path=/\r\ncontent-length: 0\r\n\r\n"
    serve, got = saying(cookie, cookie)
    async with server(serve) as url:
        for _ in range(2):
            response = await get(pool, url)
            await response.read()
            await response.aclose()
    assert len(got) == 2
    assert b"cookie" not in got[1].lower()


async def test_no_redirect_is_followed(pool: Outbound) -> None:
    serve, got = saying(b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n")
    async with server(serve) as url:
        response = await get(pool, url)
        await response.aclose()
    assert response.status == 302
    assert len(got) == 1


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    serve, _ = saying(OK + b"content-length: 2\r\n\r\nok")
    client = Outbound()
    async with server(serve) as url:
        response = await get(client, url)
        assert await response.read() == b"ok"
        await response.aclose()
    await client.aclose()


async def test_a_body_over_the_limit_is_refused(
    pool: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY_BYTES", 10)
    serve, _ = saying(OK + b"content-length: 11\r\n\r\n" + b"x" * 11)
    async with server(serve) as url:
        response = await get(pool, url)
        with pytest.raises(OutboundBroken, match="larger than 10 bytes"):
            await response.read()
        await response.aclose()


async def test_a_body_that_trickles_is_given_up(pool: Outbound) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"content-length: 1000\r\n\r\n")
        while not await _has_left(reader, 0.02):
            writer.write(b"x")

    async with server(trickle) as url:
        response = await get(pool, url, timeout_s=0.1)
        with pytest.raises(OutboundTimeout, match=r"not complete within 0\.1 s"):
            await response.read()
        await response.aclose()


async def _has_left(reader: asyncio.StreamReader, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(1) == b""
    except TimeoutError:
        return False


async def test_cancelling_closes_the_socket(pool: Outbound) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        assert await reader.read() == b""
        left.set()

    async with server(silent) as url, asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(get(pool, url))
            await asked.wait()
            waiting.cancel()
        await left.wait()


async def test_closing_an_unread_answer_closes_the_socket(pool: Outbound) -> None:
    left = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        assert await reader.read() == b""
        left.set()

    async with server(endless) as url:
        response = await get(pool, url)
        assert await anext(response.chunks()) == b"x"
        await response.aclose()
        async with asyncio.timeout(1):
            await left.wait()


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x" * 300])
async def test_nothing_is_inflated(pool: Outbound, encoding: str) -> None:
    head = f"content-encoding: {encoding}\r\ncontent-length: 1\r\n\r\nx"
    serve, _ = saying(OK + head.encode())
    async with server(serve) as url:
        with pytest.raises(OutboundBroken, match="compressed") as caught:
            await get(pool, url)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://name.invalid/", "no-scheme", "http://[bad/"]
)
async def test_what_cannot_be_reached_is_refused(pool: Outbound, url: str) -> None:
    with pytest.raises(OutboundRefused):
        await get(pool, url)


async def test_headers_have_lower_case_names(pool: Outbound) -> None:
    serve, _ = saying(OK + b"X-Request-ID: A\r\nContent-Length: 0\r\n\r\n")
    async with server(serve) as url:
        response = await get(pool, url)
        await response.aclose()
    assert response.headers["x-request-id"] == "A"
