"""The fake's second door: a process of its own that speaks real HTTP (``prismd fake``).

A raw ASGI app under uvicorn, so that tests of crashes, disconnects, faults and speed meet real
sockets. Any credential is accepted. ``/v1``, ``/v1beta`` or ``/v2`` before a path may be left out.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from prismd.kernel.errors import ConfigError
from prismd.kernel.tasks import TaskSet
from prismd.providers.fake import vendor
from prismd.providers.fake.record import JsonlFile, Outcome, Serving, Sink
from prismd.providers.fake.script import Ending, Reply

_BACKLOG = 2048
_BASES = ("/v1beta", "/v1", "/v2", "/bedrock")
_GRACE_S = 1
"""How long a stop waits for answers that are still being sent."""


class FakeApp:
    """The ASGI app. One task sends, one watches for the client to leave; the first to end wins."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await _read_body(receive)
        if body is None:
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = _below_base(str(scope["path"]))
        reply = vendor.answer(scope["method"], path, headers, body)
        serving = Serving(reply, request_id=headers.get("x-request-id"), sink=self._sink)
        try:
            if _is_immediate(reply):
                await _send(reply, serving, send)
            else:
                await _send_watched(reply, serving, receive, send)
        finally:
            serving.end(Outcome.CUT)


def _below_base(path: str) -> str:
    """Take off what a vendor's base URL ends with."""
    for base in _BASES:
        if path.startswith(f"{base}/"):
            return path.removeprefix(base)
    return path


async def _send_watched(reply: Reply, serving: Serving, receive: Receive, send: Send) -> None:
    tasks = TaskSet()
    try:
        sending = tasks.spawn(_send(reply, serving, send), name="fake-send")
        leaving = tasks.spawn(_client_leaves(receive), name="fake-watch")
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            serving.end(Outcome.CLIENT_GONE)
    finally:
        await tasks.stop()


def _is_immediate(reply: Reply) -> bool:
    """Whether the answer leaves in one go, so that nobody has to watch the client."""
    return (
        len(reply.frames) == 1
        and reply.ending is Ending.FINISHED
        and not reply.head_delay_s
        and not reply.hangs_before_head
    )


async def _send(reply: Reply, serving: Serving, send: Send) -> None:
    """Send head and frames. Returning before the last one makes uvicorn cut the connection."""
    if reply.hangs_before_head:
        await _pause(None)
    await _pause(reply.head_delay_s)
    headers = {"server": "prism-fake", **reply.headers}
    if not reply.is_stream:
        headers["content-length"] = str(reply.body_bytes)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    with contextlib.suppress(vendor.CutOff):
        async for frame in vendor.play(reply, _pause):
            await send({"type": "http.response.body", "body": frame.data, "more_body": True})
            serving.sent(frame)
        serving.end(Outcome.FINISHED)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pause(seconds: float | None) -> None:
    if seconds is None:
        await asyncio.Event().wait()
    elif seconds:
        await asyncio.sleep(seconds)


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body; None if the client left before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def run(host: str, port: int, record: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM; says ``listening on http://…`` on stdout when it does.

    Args:
        host: Address to listen on.
        port: 0 lets the system choose; the line on stdout has the real one.
        record: A file to which one line of JSON is appended for each request served.

    Raises:
        ConfigError: the address cannot be listened on, or the record cannot be opened.
    """
    try:
        sink = JsonlFile(record) if record is not None else None
        listener = _listen(host, port)
    except OSError as error:
        raise ConfigError([f"prismd fake: {error}"]) from error
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"listening on http://{shown}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        FakeApp(sink),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    # uvicorn raises the signal again when it has stopped: let both end the same, clean way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    if sink is not None:
        sink.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
