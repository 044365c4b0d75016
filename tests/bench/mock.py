"""The upstream: a vendor that answers at once, as cheaply as Python can. Run as a process.

One thread, one epoll, precomputed answers. It prints its port, then serves until it is ended.
"""

import heapq
import re
import select
import socket
import time

from tests.bench import traffic

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_READ_BYTES = 1 << 16  # larger ones are mapped anew each time
_BACKLOG = 16_384


class _Connection:
    """One client: what came and is no whole request yet, and what did not fit into the socket."""

    __slots__ = ("received", "socket", "unsent")

    def __init__(self, of: socket.socket) -> None:
        self.socket = of
        self.received = b""
        self.unsent = b""


class Mock:
    """The event loop of the upstream."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.settimeout(0)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._connections: dict[int, _Connection] = {}
        self._due: list[tuple[int, int, int, _Connection]] = []
        """When which event of which paced stream is to be written: a heap."""

    def serve(self) -> None:
        """Serve for ever."""
        listener = self._listener.fileno()
        while True:
            for fd, events in self._epoll.poll(self._pause_s()):
                if fd == listener:
                    self._accept()
                    continue
                connection = self._connections[fd]
                try:
                    if events & select.EPOLLOUT:
                        self._send(connection, b"")
                    if events & ~select.EPOLLOUT:
                        self._read(connection)
                except ConnectionError:
                    self._drop(connection)
            self._pace()

    def _pause_s(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, (self._due[0][0] - time.monotonic_ns()) / 1e9)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            accepted.settimeout(0)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[accepted.fileno()] = _Connection(accepted)
            self._epoll.register(accepted.fileno(), select.EPOLLIN)

    def _read(self, connection: _Connection) -> None:
        data = connection.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        if connection.received:
            data = connection.received + data
        head = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head + 2) if head >= 0 else None
        if length is None or len(data) < head + 4 + int(length[1]):
            connection.received = data
            return
        connection.received = b""
        self._answer(connection, data[head + 4 :])

    def _answer(self, connection: _Connection, body: bytes) -> None:
        if traffic.FAILS in body:
            self._send(connection, traffic.FAILURE)
        elif b'"stream":true' not in body:
            self._send(connection, traffic.REPLY)
        elif traffic.PACED in body:
            self._send(connection, traffic.STREAM_HEAD)
            self._next_paced(connection, 0, time.monotonic_ns())
        elif traffic.HELD in body:
            self._send(connection, traffic.STREAM_HEAD + traffic.BURST[0])
        elif traffic.FLOOD in body:
            self._send(connection, traffic.STREAM_HEAD + traffic.flood())
        else:
            self._send(connection, traffic.STREAM_HEAD)
            for event in traffic.BURST:  # a write each, as a vendor does it
                self._send(connection, event)

    def _pace(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic_ns():
            due_ns, _, index, connection = heapq.heappop(self._due)
            try:
                self._next_paced(connection, index, due_ns)
            except OSError:
                self._drop(connection)

    def _next_paced(self, connection: _Connection, index: int, due_ns: int) -> None:
        if index < traffic.DELTAS:
            self._send(connection, traffic.timed_chunk(time.monotonic_ns()))
            again_ns = due_ns + traffic.PACE_NS
            heapq.heappush(self._due, (again_ns, id(connection), index + 1, connection))
        else:
            self._send(connection, b"".join(traffic.STREAM_TAIL))

    def _send(self, connection: _Connection, data: bytes) -> None:
        if connection.unsent:
            data = connection.unsent + data
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        left = data[sent:]
        if bool(left) != bool(connection.unsent):
            wanted = select.EPOLLIN | (select.EPOLLOUT if left else 0)
            self._epoll.modify(connection.socket.fileno(), wanted)
        connection.unsent = left

    def _drop(self, connection: _Connection) -> None:
        fd = connection.socket.fileno()
        if self._connections.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            connection.socket.close()


if __name__ == "__main__":
    mock = Mock()
    print(mock.port, flush=True)
    mock.serve()
