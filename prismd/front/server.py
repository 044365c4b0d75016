"""uvicorn's server on a listener of ours: our protocol, a deadline for TLS, no signal handling.

Signals are ``front/stopping``'s, which drains first.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn

from prismd.front.door import Door
from prismd.front.listen import BACKLOG
from prismd.front.protocol import HEAD_TIMEOUT_S, PrismHttpProtocol


class PrismServer(uvicorn.Server):
    """A server whose connections share a door."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on the sockets; a TLS handshake may take as long as a head."""
        loop, config = asyncio.get_running_loop(), self.config
        connection = partial(
            PrismHttpProtocol,
            config,
            self.server_state,
            self.lifespan.state,
            door=self._door,
        )
        self.servers = [
            await loop.create_server(
                connection,
                sock=listener,
                ssl=config.ssl,
                ssl_handshake_timeout=HEAD_TIMEOUT_S if config.ssl else None,
                backlog=BACKLOG,
            )
            for listener in sockets or ()
        ]
        self.started = True
