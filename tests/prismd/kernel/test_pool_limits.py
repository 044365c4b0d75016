"""The pool at its limits: slow readers, large bodies, idle connections, callers that leave.

On asyncio's own loop and on uvloop, because the two differ in when they close, pause and connect.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import pytest

from prismd.kernel import http1_answer
from prismd.kernel import pool as pool_module
from prismd.kernel.http1 import Connection
from prismd.kernel.http1_answer import MAX_BODY_BYTES
from prismd.kernel.outbound_error import OutboundBroken, OutboundTimeout
from prismd.kernel.pool import Origin, Pool, Pools
from tests.both_loops import on_both_loops

MIB = 1 << 20
HEAD = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
MAX_TURNS = 30
"""Of the loop: more than connecting or handing over a connection takes."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Coroutine[None, None, None]]


class Server:
    """Counts its connections; each one, counted from 1, does as a script says."""

    def __init__(self, serve: Serve) -> None:
        self.accepted = 0
        self.open = 0
        self.port = 0
        self._serve = serve
        self._changed = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._serve(reader, writer, self.accepted)
        finally:
            writer.transport.abort()
            self.open -= 1
            self._changed.set()

    async def wait_for_open(self, count: int) -> None:
        """Wait until so many connections are left."""
        async with asyncio.timeout(5):
            while self.open != count:
                self._changed.clear()
                await self._changed.wait()

    def pool(self, *, max_connections: int = 1000, is_tls: bool = False) -> Pool:
        return Pool(
            Origin(host="127.0.0.1", port=self.port, is_tls=is_tls, max_connections=max_connections)
        )


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[Server]:
    """Run a server; at the end nothing may be left open."""
    server = Server(serve)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
        await server.wait_for_open(0)


async def call(pool: Pool, timeout_s: float = 5) -> bytes:
    answer = await pool.send(HEAD, b"", timeout_s=timeout_s)
    try:
        return await answer.read()
    finally:
        await answer.aclose()


async def answer_all(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int, answer: bytes = OK
) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)


@on_both_loops
async def test_a_slow_reader_holds_up_the_vendor_and_not_our_memory() -> None:
    total_bytes, sent_bytes = 32 * MIB, 0
    is_stuck = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        nonlocal sent_bytes
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total_bytes)
        while sent_bytes < total_bytes:
            writer.write(bytes(MIB))
            sent_bytes += MIB
            try:
                await asyncio.wait_for(writer.drain(), None if is_stuck.is_set() else 0.2)
            except TimeoutError:
                is_stuck.set()
        await reader.read()

    async with served(serve) as server:
        pool = server.pool()
        answer = await pool.send(HEAD, b"", timeout_s=5)
        async with asyncio.timeout(10):
            await is_stuck.wait()
        assert sent_bytes < total_bytes / 2
        sizes = [len(chunk) async for chunk in answer.chunks()]
        assert sum(sizes) == total_bytes
        assert max(sizes) < MIB
        pool.close()


@on_both_loops
async def test_a_body_over_64_mib_is_not_gathered() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        block = bytes(4 * MIB)
        while True:
            writer.write(block)
            await writer.drain()

    async with served(serve) as server:
        with pytest.raises(OutboundBroken, match=f"larger than {MAX_BODY_BYTES} bytes"):
            await call(server.pool())


@pytest.mark.parametrize("is_there_before_the_read", [False, True])
@pytest.mark.parametrize("has_length", [False, True])
@on_both_loops
async def test_the_limit_of_a_body_is_exact(
    monkeypatch: pytest.MonkeyPatch, *, is_there_before_the_read: bool, has_length: bool
) -> None:
    monkeypatch.setattr(http1_answer, "MAX_BODY_BYTES", 1000)
    go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = bytes(999 + nth)
        length = b"connection: close\r\ncontent-length: %d\r\n" % len(body) if has_length else b""
        head = b"HTTP/1.1 200 OK\r\n%b\r\n" % length
        if is_there_before_the_read:
            writer.write(head + body)
            await writer.drain()
        else:
            writer.write(head)
            await go.wait()
            writer.write(body)
        writer.write_eof()
        await reader.read()

    async with served(serve) as server:
        pool = server.pool()
        for expected in (1000, None):
            go.clear()
            answer = await pool.send(HEAD, b"", timeout_s=5)
            reading = asyncio.ensure_future(answer.read())
            await asyncio.sleep(0)
            go.set()
            if expected is None:
                with pytest.raises(OutboundBroken, match="larger than 1000 bytes"):
                    await reading
            else:
                assert len(await reading) == expected
            await answer.aclose()


@on_both_loops
async def test_an_idle_connection_is_closed_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_S", 0.1)
    keeps_2_s = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 2\r\n\r\nok"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await answer_all(reader, writer, nth, keeps_2_s)

    async with served(serve) as server:
        pool = server.pool()
        began_s = asyncio.get_running_loop().time()
        assert await call(pool) == b"ok"
        await server.wait_for_open(0)
        assert asyncio.get_running_loop().time() - began_s >= 1
        assert await call(pool) == b"ok"
        assert server.accepted == 2
        pool.close()


@on_both_loops
async def test_a_connection_idle_for_too_long_is_never_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_S", 60)
    keeps_1_s = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 2\r\n\r\nok"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await answer_all(reader, writer, nth, keeps_1_s)

    async with served(serve) as server:
        pool = server.pool()
        assert await call(pool) == b"ok"
        await asyncio.sleep(1.01)
        assert (await call(pool), server.accepted) == (b"ok", 2)
        pool.close()


@on_both_loops
async def test_at_most_so_many_idle_connections_are_kept() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await answer_all(reader, writer, nth)

    async with served(serve) as server:
        pool = Pool(Origin(host="127.0.0.1", port=server.port, is_tls=False, max_idle=2))
        await asyncio.gather(*(call(pool) for _ in range(5)))
        assert server.accepted == 5
        await server.wait_for_open(2)
        pool.close()


@on_both_loops
async def test_a_caller_that_leaves_while_queued_gives_its_turn_to_the_next() -> None:
    """Cancelled at every turn of the loop around the moment in which it is its turn."""
    go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await go.wait()
            writer.write(OK)

    async with served(serve) as server:
        pool = server.pool(max_connections=1)
        for turns in range(MAX_TURNS):
            go.clear()
            first, leaving, next_ = (asyncio.ensure_future(call(pool)) for _ in range(3))
            await asyncio.sleep(0)
            go.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            assert await first == b"ok"
            assert await next_ == b"ok"
            assert await asyncio.gather(leaving, return_exceptions=True)
            assert server.open <= 2  # the one that was cut may be on its way out
        pool.close()


@on_both_loops
async def test_a_connection_that_ends_while_it_is_given_on_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await answer_all(reader, writer, nth)

    async with served(serve) as server:
        pool = server.pool(max_connections=1)
        give = pool.freed

        def give_and_end(connection: Connection) -> None:
            give(connection)
            connection.abort()
            pool.lost(connection)

        monkeypatch.setattr(pool, "freed", give_and_end)
        assert await asyncio.gather(*(call(pool) for _ in range(3))) == [b"ok"] * 3
        assert server.accepted == 3


@on_both_loops
async def test_a_caller_that_leaves_gives_the_place_of_a_lost_connection_to_the_next() -> None:
    """Cancelled at every turn of the loop around the moment in which it may connect."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        if nth - firsts == 1:
            await reader.readuntil(b"\r\n\r\n")
        else:
            await answer_all(reader, writer, nth)

    async with served(serve) as server:
        for turns in range(MAX_TURNS):
            firsts = server.accepted
            pool = server.pool(max_connections=1)
            first, leaving, next_ = (asyncio.ensure_future(call(pool)) for _ in range(3))
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(OutboundBroken):
                await first
            assert await next_ == b"ok"
            assert await asyncio.gather(leaving, return_exceptions=True)
            pool.close()
            await server.wait_for_open(0)


@pytest.mark.parametrize("begun", [b"", OK[:-1]])
@on_both_loops
async def test_a_caller_that_leaves_in_the_middle_closes_its_socket(begun: bytes) -> None:
    is_waiting = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begun if nth == 1 else OK)
        is_waiting.set()
        await reader.read()

    async with served(serve) as server:
        pool = server.pool(max_connections=1)
        leaving = asyncio.ensure_future(call(pool))
        await is_waiting.wait()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert leaving.cancelled()
        await server.wait_for_open(0)
        assert await call(pool) == b"ok"
        pool.close()


@on_both_loops
async def test_a_caller_that_leaves_while_connecting_leaves_no_socket_and_no_slot() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await answer_all(reader, writer, nth)

    async with served(serve) as server:
        for turns in range(MAX_TURNS):
            pool = server.pool(max_connections=1)
            leaving = asyncio.ensure_future(call(pool))
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            assert await asyncio.gather(leaving, return_exceptions=True)
            assert await call(pool) == b"ok"
            pool.close()
            await server.wait_for_open(0)


@on_both_loops
async def test_a_handshake_that_does_not_come_ends_in_time_and_frees_the_slot() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.read()

    async with served(serve) as server:
        pool = server.pool(max_connections=1, is_tls=True)
        for _ in range(2):
            with pytest.raises(OutboundTimeout, match=r"no connection within 0\.1 s"):
                await call(pool, 0.1)
            await server.wait_for_open(0)
        leaving = asyncio.ensure_future(call(pool))
        while server.accepted < 3:
            await asyncio.sleep(0)
        leaving.cancel()
        assert isinstance(
            (await asyncio.gather(leaving, return_exceptions=True))[0], asyncio.CancelledError
        )


@on_both_loops
async def test_the_time_in_a_message_is_the_configured_one_after_the_retry_too() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if nth == 1:
            writer.write(OK)
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.02)
            return
        await reader.read()

    async with served(serve) as server:
        pool = server.pool()
        assert await call(pool) == b"ok"
        with pytest.raises(OutboundTimeout, match=r"^no answer within 0\.5 s$"):
            await call(pool, 0.5)
        assert server.accepted == 2


@on_both_loops
async def test_a_retired_pool_closes_its_connections_behind_their_answers() -> None:
    go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        if nth == 1:
            await go.wait()
        writer.write(OK[-1:])
        await reader.read()

    async with served(serve) as server:
        origin, pools = Origin(host="127.0.0.1", port=server.port, is_tls=False), Pools()
        pool = pools.of(origin)
        answer = await pool.send(HEAD, b"", timeout_s=5)
        assert await call(pool) == b"ok"
        pools.keep({origin})
        assert server.open == 2
        pools.keep(())
        await server.wait_for_open(1)
        go.set()
        assert await answer.read() == b"ok"
        await server.wait_for_open(0)
        assert await call(pool) == b"ok"  # of a call that began before
        await server.wait_for_open(0)
        assert pools.of(origin) is pool
        assert await call(pool) == b"ok"
        assert (server.open, server.accepted) == (1, 4)
        pools.close()
