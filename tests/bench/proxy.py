"""The yardstick: a plain proxy, uvicorn and a raw ASGI application, without any feature.

What the gateway costs is judged against this in the same run. Run as a process with the port of
the upstream as argument; it prints its own port.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import uvicorn

_SKIPPED = (b"content-length", b"transfer-encoding", b"host", b"connection")
Headers = list[tuple[bytes, bytes]]


class _Vendor(asyncio.Protocol):
    """One connection to the upstream, for one call at a time."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.headers: Headers = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def begin(self, request: bytes) -> None:
        self.headers = []
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.parts.put_nowait(body)

    def on_message_complete(self) -> None:
        self.parts.put_nowait(None)


class Proxy:
    """The ASGI application."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Vendor] = []

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        kept = [b"%b: %b\r\n" % pair for pair in scope["headers"] if pair[0] not in _SKIPPED]
        head = b"POST %b HTTP/1.1\r\nhost: mock\r\n" % scope["raw_path"]
        head += b"".join(kept) + b"content-length: %d\r\n\r\n" % len(body)
        vendor = self._idle.pop() if self._idle else await self._connect()
        vendor.begin(head + body)
        part = await vendor.parts.get()
        status, headers = vendor.parser.get_status_code(), vendor.headers
        headers = [pair for pair in headers if pair[0] != b"transfer-encoding"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while part is not None:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            part = await vendor.parts.get()
        self._idle.append(vendor)
        await send({"type": "http.response.body"})

    async def _connect(self) -> _Vendor:
        loop = asyncio.get_running_loop()
        _, vendor = await loop.create_connection(_Vendor, "127.0.0.1", self._port)
        return vendor


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        Proxy(int(sys.argv[1])), lifespan="off", log_level="error", http="httptools", loop="uvloop"
    )
    uvicorn.Server(config).run(sockets=[listener])
