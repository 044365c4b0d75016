"""Connections to one origin (``Pool``), and all pools of the process (``Pools``).

A reload that keeps an origin and its settings keeps the pool. One that the snapshot in force does
not use is retired: its idle connections are closed at once, and those that carry an answer behind
it. Calls that began before can still use it; it ends with the last of them.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

from prismd.kernel.http1 import Connection
from prismd.kernel.http1_answer import Answer
from prismd.kernel.outbound_error import OutboundBroken, OutboundRefused, OutboundTimeout

log = logging.getLogger("prism.outbound")

CONNECT_TIMEOUT_S = 10.0
"""For the name, the TCP connection and the TLS handshake together."""
MAX_CONNECTIONS = 1_000
MAX_IDLE = 100
_SWEEP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where to connect and how; equal ones share a pool."""

    host: str
    """ASCII, without brackets."""
    port: int
    is_tls: bool
    ca_file: str | None = None
    """Trusted in place of the system's store."""
    is_verified: bool = True
    """Whether the certificate and its host name are looked at."""
    max_connections: int = MAX_CONNECTIONS
    max_idle: int = MAX_IDLE


class PoolUse(NamedTuple):
    """How the connections to one origin are used."""

    in_use: int
    """Carry a call, or are being opened."""
    idle: int
    waiting: int
    """Calls that wait for one."""


class Pool:
    """The connections to one origin. For one event loop."""

    def __init__(self, origin: Origin) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            OSError: the file with the private CA cannot be read or holds no certificate.
        """
        self._origin = origin
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._used = 0
        """Connections that are open or being opened."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_retired = False
        self._tls = _tls_context(origin) if origin.is_tls else None

    async def send(
        self, head: bytes, body: bytes, *, timeout_s: float, is_head: bool = False
    ) -> Answer:
        """Send a request and wait for the head of its answer.

        A connection that had been kept and that ended before it brought any byte has lost the race
        with the peer's own idle limit: the request is sent once more, on another one.

        Args:
            head: The request's head, complete.
            body: The request's body.
            timeout_s: From now to the head, with the wait for a connection; and again for a read.
            is_head: Whether the method is HEAD.

        Raises:
            OutboundError: there is no answer.
        """
        now_s = asyncio.get_running_loop().time()
        deadline_s = now_s + timeout_s
        connection = self._take_idle(now_s)
        if connection is None:
            connection = await self._acquire(timeout_s, deadline_s)
        answer = connection.send(
            head, body, timeout_s=timeout_s, deadline_s=deadline_s, is_head=is_head
        )
        try:
            while not answer.status:
                await answer.news()
        except OutboundBroken:
            if answer.has_begun or connection.calls == 1:
                raise
        else:
            return answer
        if len(self._connections) >= self._origin.max_connections and self._idle:
            self._idle.pop(0).abort()
        connection = await self._acquire(timeout_s, deadline_s)
        answer = connection.send(
            head, body, timeout_s=timeout_s, deadline_s=deadline_s, is_head=is_head
        )
        while not answer.status:
            await answer.news()
        return answer

    @property
    def use(self) -> PoolUse:
        """How its connections are used now."""
        idle = len(self._idle)
        return PoolUse(in_use=self._used - idle, idle=idle, waiting=len(self._waiting))

    def close(self) -> None:
        """Close all connections at once."""
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def retire(self) -> None:
        """Keep no connection any more behind its answer."""
        self._is_retired = True
        for connection in self._idle:
            connection.abort()

    def revive(self) -> None:
        """Keep connections again."""
        self._is_retired = False

    def _take_idle(self, now_s: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed:
                continue
            if connection.idle_until_s > now_s:
                return connection
            connection.abort()
        return None

    async def _acquire(self, timeout_s: float, deadline_s: float) -> Connection:
        """Open a connection, or wait for one if there are as many as there may be.

        ``deadline_s`` is on the loop's clock; ``timeout_s`` is what a message says of it.
        """
        while self._used >= self._origin.max_connections:
            given = await self._queue(timeout_s, deadline_s)
            if given is None:
                break
            if not given.is_closed:
                return given
        else:
            self._used += 1
        try:
            return await self._connect(timeout_s, deadline_s)
        except BaseException:
            self._give_slot_back()
            raise

    async def _queue(self, timeout_s: float, deadline_s: float) -> Connection | None:
        """Wait for a connection, or (None) for the right to open one."""
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline_s):
                return await turn
        except BaseException as error:
            self._leave_queue(turn)
            if isinstance(error, TimeoutError):
                busy = self._origin.max_connections
                msg = f"all {busy} connections were busy for {timeout_s:g} s"
                raise OutboundTimeout(msg) from None
            raise

    def _leave_queue(self, turn: asyncio.Future[Connection | None]) -> None:
        """Pass on what was given in the moment in which its receiver left."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        if turn.done() and not turn.cancelled():
            given = turn.result()
            if given is None:
                self._give_slot_back()
            elif not given.is_closed:
                self.freed(given)

    async def _connect(self, timeout_s: float, deadline_s: float) -> Connection:
        loop, origin = asyncio.get_running_loop(), self._origin
        own_deadline_s = loop.time() + CONNECT_TIMEOUT_S
        try:
            async with asyncio.timeout_at(min(own_deadline_s, deadline_s)):
                transport, connection = await loop.create_connection(
                    lambda: Connection(loop, self),
                    origin.host,
                    origin.port,
                    ssl=self._tls,
                    server_hostname=origin.host if origin.is_tls else None,
                )
        except TimeoutError:
            within_s = timeout_s if deadline_s < own_deadline_s else CONNECT_TIMEOUT_S
            msg = f"no connection within {within_s:g} s"
            raise OutboundTimeout(msg) from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
            msg = f"no connection ({reason or str(error) or 'refused'})"
            raise OutboundRefused(msg) from None
        if connection.is_closed:  # it ended before this task had its turn
            msg = "the connection was closed at once"
            raise OutboundBroken(msg)
        self._connections.add(connection)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def freed(self, connection: Connection) -> None:
        """Give a connection to the next call in the queue, or keep it idle."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if self._is_retired or len(self._idle) >= self._origin.max_idle:
            connection.abort()
            return
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = connection.loop.call_later(_SWEEP_S, self._sweep)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that has ended; the next call in the queue may open one."""
        if connection in self._connections:
            self._connections.remove(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            self._give_slot_back()

    def _give_slot_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._used -= 1

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        self._sweeper = None
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for connection in self._idle:
            if connection.idle_until_s <= now_s:
                connection.abort()
        self._idle = [connection for connection in self._idle if not connection.is_closed]
        if self._idle:
            self._sweeper = loop.call_later(_SWEEP_S, self._sweep)


class Pools:
    """All pools of a process, one per origin and its settings."""

    def __init__(self) -> None:
        self._pools: WeakValueDictionary[Origin, Pool] = WeakValueDictionary()

    def of(self, origin: Origin) -> Pool:
        """Return the pool of an origin.

        Raises:
            OSError: the file with the private CA cannot be read or holds no certificate.
        """
        pool = self._pools.get(origin)
        if pool is None:
            self._pools[origin] = pool = Pool(origin)
        pool.revive()
        return pool

    def keep(self, in_use: Collection[Origin]) -> None:
        """Retire the pools of all other origins."""
        for origin, pool in list(self._pools.items()):
            if origin not in in_use:
                pool.retire()

    def close(self) -> None:
        """Close all connections."""
        for pool in list(self._pools.values()):
            pool.close()


def _tls_context(origin: Origin) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=origin.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not origin.is_verified:
        log.warning(
            "certificates of %s:%d are NOT verified (skip_tls): whoever is on the way there can "
            "read every prompt and the credential; give ca_file in its place",
            origin.host,
            origin.port,
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
