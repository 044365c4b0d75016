"""A vendor that keeps its connections, with or without TLS, and counts them."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tests.scripted_vendor import COMPLETION

HELD = b'"held"'
"""A call whose body holds this waits until it may end."""


class KeepingVendor(socketserver.ThreadingTCPServer):
    """Answers every call; `GET /name/models` lists one model, `name`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.context = context
        self.accepted = 0
        self.open = 0
        """Connections that have not ended; those that fail in the handshake do not count."""
        self.is_held = threading.Event()
        self.may_end = threading.Event()
        self.counting = threading.Lock()


class _Handler(socketserver.BaseRequestHandler):
    server: KeepingVendor

    def handle(self) -> None:
        with suppress(OSError):
            if self.server.context is not None:
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
            self._count(1)
            try:
                with self.request, self.request.makefile("rb") as reader:
                    self._serve(reader)
            finally:
                self._count(-1)

    def _count(self, change: int) -> None:
        with self.server.counting:
            self.server.open += change
            self.server.accepted += change == 1

    def _serve(self, reader: BinaryIO) -> None:
        while first := reader.readline():
            length = 0
            while (line := reader.readline().strip().lower()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name == b"content-length" else length
            if HELD in reader.read(length):
                self.server.is_held.set()
                self.server.may_end.wait()
            method, path = first.decode().split()[:2]
            answer = {"data": [{"id": path.split("/")[1]}]} if method == "GET" else COMPLETION
            body = json.dumps(answer).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
            self.request.sendall(head + body)


@contextmanager
def keeping_vendor(certificates: Path | None = None) -> Iterator[KeepingVendor]:
    """Run one; ``certificates`` is a folder that ``certify`` has filled."""
    context = None
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    with KeepingVendor(context) as vendor:
        serving = threading.Thread(target=vendor.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield vendor
        finally:
            vendor.may_end.set()
            vendor.shutdown()
            serving.join()
