"""The pool on real sockets, against servers that follow a script."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from prismd.kernel.outbound_error import OutboundBroken, OutboundRefused, OutboundTimeout
from prismd.kernel.pool import Origin, Pool
from tests.both_loops import on_both_loops

HEAD = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Coroutine[None, None, None]]


@asynccontextmanager
async def served(serve: Serve, **options: int) -> AsyncIterator[Pool]:
    """Give a pool to a server whose connections, counted from 1, do as ``serve`` says."""
    count = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await serve(reader, writer, count)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        pool = Pool(Origin(host="127.0.0.1", port=port, is_tls=False, **options))  # type: ignore[arg-type]
        yield pool
        pool.close()
        await asyncio.sleep(0)


async def call(pool: Pool, timeout_s: float = 5) -> bytes:
    answer = await pool.send(HEAD, b"", timeout_s=timeout_s)
    try:
        return await answer.read()
    finally:
        await answer.aclose()


@on_both_loops
async def test_a_connection_is_used_again() -> None:
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            seen.append(nth)
            writer.write(OK)

    async with served(serve) as pool:
        assert [await call(pool) for _ in range(3)] == [b"ok"] * 3
    assert seen == [1, 1, 1]


@on_both_loops
async def test_a_kept_connection_that_died_is_tried_once_more() -> None:
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(nth)
        if nth > 2:
            return
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        seen.append(nth)

    async with served(serve) as pool:
        assert await call(pool) == b"ok"
        assert await call(pool) == b"ok"
        with pytest.raises(OutboundBroken):
            await call(pool)
    assert seen == [1, 1, 2, 2, 3]


@on_both_loops
async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(nth)

    async with served(serve) as pool:
        with pytest.raises(OutboundBroken):
            await call(pool)
    assert seen == [1]


@on_both_loops
async def test_calls_beyond_the_limit_wait_within_their_time() -> None:
    go = asyncio.Event()
    connections = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        connections.add(nth)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await go.wait()
            writer.write(OK)

    async with served(serve, max_connections=1) as pool:
        first, second = asyncio.ensure_future(call(pool)), asyncio.ensure_future(call(pool))
        await asyncio.sleep(0)
        with pytest.raises(OutboundTimeout, match="all 1 connections were busy"):
            await call(pool, 0.05)
        go.set()
        assert [await first, await second] == [b"ok", b"ok"]
    assert connections == {1}


@on_both_loops
async def test_an_unread_answer_closes_its_socket() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK if nth > 1 else OK[:-1])
        if nth == 1:
            try:
                await reader.read()
            finally:
                ended.set()

    async with served(serve, max_connections=1) as pool:
        answer = await pool.send(HEAD, b"", timeout_s=5)
        await answer.aclose()
        await asyncio.wait_for(ended.wait(), 5)
        assert await call(pool) == b"ok"


@on_both_loops
async def test_silence_and_a_closed_port_are_told_apart() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.read()

    async with served(serve) as pool:
        with pytest.raises(OutboundTimeout, match=r"no answer within 0\.05 s"):
            await call(pool, 0.05)
    with pytest.raises(OutboundRefused):
        await call(pool)
