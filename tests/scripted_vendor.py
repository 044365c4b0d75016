"""A vendor that says exactly the bytes that a test gives it, over real sockets."""

import contextlib
import json
import select
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Step = bytes | float | None
"""Bytes to send, or seconds to be silent, or None: reset the connection."""

FOR_EVER_S = 3_600.0
LOOK_S = 0.02
AT_ONCE = struct.pack("ii", 1, 0)
"""What makes closing a socket a reset."""


class ScriptedVendor:
    """Answers `POST /chat/completions` by the model's name, and `GET /models`."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Step]] = {}
        self.models: list[str] | None = None
        """None: the list cannot be read."""
        self.models_status = 500
        """The answer then."""
        self.asked_for_models = 0
        self.bodies: list[bytes] = []
        """Of the calls that came."""
        self.heads: list[dict[str, str]] = []
        """Of all requests that came: headers by their names in lower case."""
        self.let_go = 0
        """Calls whose other side left while the vendor was silent."""
        self.url = ""
        self.is_over = threading.Event()

    def __setitem__(self, model: str, steps: list[Step]) -> None:
        self.scripts[model] = steps

    def answer(self, path: str, body: bytes) -> list[Step]:
        if path == "/v1/models":
            self.asked_for_models += 1
            listed = {"data": [{"id": model} for model in self.models or ()]}
            return [
                plain(listed) if self.models is not None else plain("?", status=self.models_status)
            ]
        self.bodies.append(body)
        return self.scripts[json.loads(body)["model"]]


def plain(body: object, *, status: int = 200, **headers: str) -> bytes:
    """Write a whole answer: bytes as they are, everything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-length: {len(data)}",
        "connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "hi"}}]}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return event(choices=[choice])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512  # who is not taken at once would try again a second later

    def __init__(self, vendor: ScriptedVendor) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vendor = vendor


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        head: dict[str, str] = {}
        while (line := self.rfile.readline().strip().decode("latin-1")) != "":
            name, _, value = line.partition(":")
            head[name.lower()] = value.strip()
        self.server.vendor.heads.append(head)
        length = int(head.get("content-length", 0))
        with contextlib.suppress(OSError):
            for step in self.server.vendor.answer(path, self.rfile.read(length)):
                if isinstance(step, bytes):
                    self.wfile.write(step)
                elif step is None:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                elif self._is_alone_within(step):
                    return

    def _is_alone_within(self, seconds: float) -> bool:
        """Be silent; return whether there is nobody any more to speak to."""
        vendor, end_s = self.server.vendor, time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if vendor.is_over.wait(min(left_s, LOOK_S)):
                return True
            if select.select([self.connection], [], [], 0)[0]:
                vendor.let_go += 1
                return True
        return False


@contextmanager
def scripted_vendor() -> Iterator[ScriptedVendor]:
    vendor = ScriptedVendor()
    with _Server(vendor) as server:
        vendor.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield vendor
        finally:
            vendor.is_over.set()
            server.shutdown()
            serving.join()
