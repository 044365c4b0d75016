"""HTTP to the outside: our own connections for calls of clients, httpx2 for all else.

httpx2 and the certificates that it reads took a tenth of a second of every start, and no call needs
them: they are loaded in a thread when a request is made that is not hot.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prismd.kernel.pool import Pools

if TYPE_CHECKING:
    from prismd.kernel.outbound_client import OutboundClient, OutboundResponse


class Outbound:
    """All connections to the outside. Long-lived, safe for concurrent use in one event loop."""

    def __init__(self) -> None:
        self.pools = Pools()
        """The connections of the hot path."""
        self._client: OutboundClient | None = None
        self._is_loading = asyncio.Lock()

    async def open(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        timeout_s: float,
        server_name: str | None = None,
    ) -> "OutboundResponse":
        """Send a request and wait for the head of the answer.

        Args:
            method: The HTTP method.
            url: The absolute URL, taken as it is.
            headers: Added to our own; the same name replaces ours.
            content: The body, if there is one.
            timeout_s: From now to the head, and again for the whole of a body that is ``read``.
            server_name: The name that TLS asks for and checks, where the URL has an address.

        Raises:
            OutboundError: there is no answer, or it is compressed.
        """
        client = self._client or await self._loaded()
        return await client.open(
            method,
            url,
            headers=headers,
            content=content,
            timeout_s=timeout_s,
            server_name=server_name,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        self.pools.close()
        if self._client is not None:
            await self._client.aclose()

    async def _loaded(self) -> "OutboundClient":
        """Return the client, made only once."""
        async with self._is_loading:
            if self._client is None:
                self._client = await asyncio.to_thread(_make_client)
            return self._client


def _make_client() -> "OutboundClient":
    from prismd.kernel.outbound_client import OutboundClient  # noqa: PLC0415  # see above

    return OutboundClient()
