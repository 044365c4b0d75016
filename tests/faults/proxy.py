"""A TCP proxy that spoils what a well-behaved vendor says, in one thread with a loop of its own.

It stands between the gateway and the vendor and has one port per fault, so that a fault is a
provider. The vendor's answer is read to its end, and a fault says which bytes, silences and resets
the gateway gets in its place.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.scripted_vendor import AT_ONCE, Step

Fault = Callable[[bytes], Iterable[Step]]
"""A whole answer → what is said in its place; the connection is closed behind it."""

START_S = 5.0
_BACKLOG = 1_024
"""Who is not taken at once would try again a second later."""
_MAX_HEAD_BYTES = 64 * 1024


class FaultProxy:
    """Listens once per fault; ``asked`` and ``connected`` count by the fault's name."""

    def __init__(self, vendor: tuple[str, int], loop: asyncio.AbstractEventLoop) -> None:
        self.asked: Counter[str] = Counter()
        """Requests that came."""
        self.connected: Counter[str] = Counter()
        """Connections that are open now."""
        self.faults: dict[str, Fault] = {}
        """By name; what is put here is in force for the next connection."""
        self._vendor = vendor
        self._loop = loop
        self._servers: list[asyncio.Server] = []

    def listen(
        self,
        name: str,
        fault: Fault,
        *,
        is_asked: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> str:
        """Open a port for a fault and return ``host:port``.

        Without ``is_asked`` it speaks as soon as somebody connects, of an empty answer.
        """
        self.faults[name] = fault

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connected[name] += 1
            try:
                answer = await self._ask(name, reader) if is_asked else b""
                await _say(self.faults[name](answer), reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass  # the gateway has left
            finally:
                self.connected[name] -= 1
                writer.close()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(
                serve, "127.0.0.1", 0, limit=_MAX_HEAD_BYTES, backlog=_BACKLOG, ssl=tls
            )

        server = asyncio.run_coroutine_threadsafe(start(), self._loop).result(START_S)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _ask(self, name: str, reader: asyncio.StreamReader) -> bytes:
        """Pass one request on, and return the whole answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        request = head + await reader.readexactly(length)
        self.asked[name] += 1
        from_vendor, to_vendor = await asyncio.open_connection(*self._vendor)
        to_vendor.write(request)
        try:
            return await from_vendor.read()
        finally:
            to_vendor.close()

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)


async def _say(
    steps: Iterable[Step], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Say the steps, as long as the other side listens."""
    left = asyncio.ensure_future(reader.read(1))
    try:
        for step in steps:
            if step is None:
                _reset(writer)
                return
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif (await asyncio.wait({left}, timeout=step))[0]:
                return
            else:
                pass  # it was silent for long enough
    finally:
        left.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await left


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()


@contextmanager
def fault_proxy(vendor: tuple[str, int]) -> Iterator[FaultProxy]:
    """Run a proxy before a vendor that ends each answer with its connection."""
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    running.start()
    proxy = FaultProxy(vendor, loop)
    try:
        yield proxy
    finally:
        proxy.close()
        asyncio.run_coroutine_threadsafe(_finish_all(), loop).result(START_S)
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()


async def _finish_all() -> None:
    """End what is still being said."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
