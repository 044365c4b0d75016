"""The load: many keep-alive connections from one thread, closed loop or at a fixed rate.

At a fixed rate a latency runs from when the request was *meant* to leave, so that a stalled target
cannot hide its stall. Run as a process: a ``Load`` as JSON on stdin, a ``Result`` on stdout.
"""

import json
import re
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from tests.bench import traffic

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STAMP = re.compile(rb'"content":"(\d{19}) "')
_READ_BYTES = 1 << 16  # larger ones are mapped anew each time
_GRACE_NS = 20_000_000_000
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Load:
    """What to send where."""

    port: int
    connections: int
    seconds: float
    stream: bool = False
    marker: str = ""
    rate_per_s: float = 0.0
    """0: each connection sends its next request when it has its answer."""
    headers: dict[str, str] = field(default_factory=dict)
    path: str = traffic.CHAT


@dataclass(frozen=True)
class Result:
    """What came of it; latencies are of answers with status 200."""

    answers: int
    failures: int
    """Other statuses, and connections that ended before their answer did."""
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    first_p50_ms: float
    lag_p50_ms: float
    cpu_share: float
    """Of a core, that the generator itself used: near 1 it was the limit."""


class _Connection:
    __slots__ = ("due_ns", "first_ns", "received", "socket", "tail")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.tail = b""
        self.due_ns = 0
        self.first_ns = 0


class Generator:
    """One run of a load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        marker, path = load.marker.encode(), load.path
        body = traffic.chat_body(stream=load.stream, marker=marker, path=path)
        self._request = traffic.http_request(body, load.headers, path)
        self._paced = load.marker.encode() == traffic.PACED
        self._epoll = select.epoll()
        self._busy: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._latencies: list[int] = []
        self._firsts: list[int] = []
        self._lags: list[int] = []
        self._failures = 0
        for _ in range(load.connections):
            self._open()

    def run(self) -> Result:
        """Send until the time is over, then wait for the answers that are still out."""
        cpu_ns, begin_ns = time.process_time_ns(), time.monotonic_ns()
        end_ns = begin_ns + int(self._load.seconds * _NS_PER_S)
        if self._load.rate_per_s:
            self._fixed_rate(begin_ns, end_ns)
        else:
            while self._idle:
                self._send(self._idle.popleft(), time.monotonic_ns())
            while time.monotonic_ns() < end_ns:
                self._receive(1.0, again=True)
        took_ns = time.monotonic_ns() - begin_ns
        timely = len(self._latencies)
        share = (time.process_time_ns() - cpu_ns) / took_ns
        while self._busy and time.monotonic_ns() < end_ns + _GRACE_NS:
            self._receive(0.1, again=False)
        return self._result(timely * _NS_PER_S / took_ns, share)

    def _fixed_rate(self, begin_ns: int, end_ns: int) -> None:
        sent = 0
        while True:
            now_ns = time.monotonic_ns()
            due_ns = begin_ns + int(sent * _NS_PER_S / self._load.rate_per_s)
            while due_ns <= now_ns and due_ns < end_ns and self._idle:
                self._send(self._idle.popleft(), due_ns)
                sent += 1
                due_ns = begin_ns + int(sent * _NS_PER_S / self._load.rate_per_s)
            if now_ns >= end_ns + _GRACE_NS or due_ns >= end_ns:
                return
            self._receive((due_ns - now_ns) / _NS_PER_S if self._idle else 1.0, again=False)

    def _open(self) -> None:
        connection = _Connection(self._load.port)
        self._epoll.register(connection.socket.fileno(), select.EPOLLIN)
        self._idle.append(connection)

    def _send(self, connection: _Connection, due_ns: int) -> None:
        connection.due_ns = due_ns
        self._busy[connection.socket.fileno()] = connection
        connection.socket.send(self._request)

    def _receive(self, pause_s: float, *, again: bool) -> None:
        """Take what has come; ``again``: a connection that is done sends its next request."""
        # ``epoll.poll`` waits whole milliseconds; ``select`` on it waits microseconds.
        if not select.select([self._epoll], [], [], max(0.0, pause_s))[0]:
            return
        for fd, _ in self._epoll.poll(0):
            connection = self._busy.get(fd)
            if connection is None:
                continue
            try:
                data = connection.socket.recv(_READ_BYTES)
            except ConnectionError:
                data = b""
            now_ns = time.monotonic_ns()
            if not data:
                self._lost(fd, connection)
            elif self._is_whole(connection, data, now_ns):
                del self._busy[fd]
                if again:
                    self._send(connection, now_ns)
                else:
                    self._idle.append(connection)

    def _lost(self, fd: int, connection: _Connection) -> None:
        self._failures += 1
        del self._busy[fd]
        self._epoll.unregister(fd)
        connection.socket.close()
        self._open()

    def _is_whole(self, connection: _Connection, data: bytes, now_ns: int) -> bool:
        """Take a part of an answer; return whether it was the last."""
        if self._load.stream:
            if not self._take_events(connection, data, now_ns):
                return False
        else:
            if connection.received:
                data = connection.received + data
            head = data.find(b"\r\n\r\n")
            length = _LENGTH.search(data, 0, head + 2) if head >= 0 else None
            if length is None or len(data) < head + 4 + int(length[1]):
                connection.received = data
                return False
            connection.received = b""
            if data[9:12] != b"200":
                self._failures += 1
                return True
        self._latencies.append(now_ns - connection.due_ns)
        return True

    def _take_events(self, connection: _Connection, data: bytes, now_ns: int) -> bool:
        if self._paced:
            self._lags += [now_ns - int(stamp) for stamp in _STAMP.findall(data)]
        if not connection.first_ns and b"data: " in data:
            connection.first_ns = now_ns
        tail = connection.tail + data[-len(traffic.END) - 2 :]
        if not tail.endswith(b"\r\n" + traffic.END):
            connection.tail = tail[-len(traffic.END) - 2 :]
            return False
        self._firsts.append(connection.first_ns - connection.due_ns)
        connection.tail, connection.first_ns = b"", 0
        return True

    def _result(self, rate_per_s: float, share: float) -> Result:
        return Result(
            answers=len(self._latencies),
            failures=self._failures + len(self._busy),
            rate_per_s=rate_per_s,
            p50_ms=quantile_ms(self._latencies, 0.5),
            p99_ms=quantile_ms(self._latencies, 0.99),
            max_ms=quantile_ms(self._latencies, 1.0),
            first_p50_ms=quantile_ms(self._firsts, 0.5),
            lag_p50_ms=quantile_ms(self._lags, 0.5),
            cpu_share=share,
        )


def quantile_ms(times_ns: list[int], share: float) -> float:
    """Return a quantile of times, in milliseconds; 0 of none."""
    if not times_ns:
        return 0.0
    return sorted(times_ns)[min(len(times_ns) - 1, int(share * len(times_ns)))] / 1e6


if __name__ == "__main__":
    json.dump(asdict(Generator(Load(**json.load(sys.stdin))).run()), sys.stdout)
