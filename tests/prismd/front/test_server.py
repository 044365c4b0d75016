"""The server around the protocol: a TLS handshake that is not made holds no connection."""

import asyncio
import ssl
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from prismd.front import server
from prismd.front.door import Door
from prismd.front.listen import listen
from prismd.front.server import PrismServer
from tests.both_loops import on_both_loops
from tests.certificates import certify

SHORT_S = 0.2


async def hello(_: Scope, __: Receive, send: Send) -> None:
    length = [(b"content-length", b"2"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"hi"})


@on_both_loops
async def test_a_handshake_that_is_not_made_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", SHORT_S)
    certify(tmp_path)
    config = uvicorn.Config(
        hello,
        lifespan="off",
        log_config=None,
        ws="none",
        ssl_certfile=tmp_path / "cert.pem",
        ssl_keyfile=tmp_path / "key.pem",
    )
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    running = PrismServer(config, Door())
    serving = asyncio.create_task(running.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(5):
            silent, its_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await silent.read() == b""
            its_writer.close()
            trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trust, server_hostname="localhost"
            )
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
    finally:
        running.should_exit = True
        await serving
