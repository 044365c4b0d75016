"""HTTP to the outside over httpx2, whose one importer this is: all that is not the hot path.

``kernel/outbound`` loads it when it is needed first. It knows nothing of vendors or of the errors
that a caller sees: what goes wrong is told in three neutral words (``OutboundTimeout``,
``OutboundRefused``, ``OutboundBroken``).

Rules that hold for every request: no proxy and no credential from the environment, no redirect is
followed, no cookie is kept, nothing is inflated (we ask for ``identity`` and refuse anything else),
the system's trust store decides about certificates, and cancelling a call closes its socket.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from prismd.kernel.http1_answer import MAX_BODY_BYTES
from prismd.kernel.outbound_error import (
    OutboundBroken,
    OutboundError,
    OutboundRefused,
    OutboundTimeout,
)

_MAX_CONNECTIONS = 1_000
_MAX_IDLE_CONNECTIONS = 100
_KEEP_IDLE_S = 30.0


class OutboundResponse:
    """An answer whose head has arrived. ``aclose`` must be called, in every case."""

    def __init__(self, response: httpx2.Response, *, read_timeout_s: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        """Lower-case names; a repeated header is joined with commas."""
        self._response = response
        self._read_timeout_s = read_timeout_s

    async def read(self) -> bytes:
        """Read the whole body.

        Raises:
            OutboundError: broken, too large, or not complete in time.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(self._read_timeout_s):
                async for chunk in self.chunks():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        msg = f"the body is larger than {MAX_BODY_BYTES} bytes"
                        raise OutboundBroken(msg)
        except TimeoutError:
            msg = f"the body was not complete within {self._read_timeout_s:g} s"
            raise OutboundTimeout(msg) from None
        return bytes(body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives.

        How long a silence may be is for the caller to say.

        Raises:
            OutboundError: broken.
        """
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise _neutral(error) from None

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        await self._response.aclose()


class OutboundClient:
    """A pool of HTTP/1.1 connections. Long-lived, safe for concurrent use in one event loop."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            http2=False,
            timeout=None,  # asyncio.timeout below counts whole phases, not reads
            headers={"user-agent": "prism", "accept-encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx2.Limits(
                max_connections=_MAX_CONNECTIONS,
                max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
                keepalive_expiry=_KEEP_IDLE_S,
            ),
        )

    async def open(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        timeout_s: float,
        server_name: str | None = None,
    ) -> OutboundResponse:
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
        try:
            tls = {} if server_name is None else {"sni_hostname": server_name}
            request = self._client.build_request(
                method, url, headers=list(headers), content=content, extensions=tls
            )
            async with asyncio.timeout(timeout_s):
                response = await self._client.send(request, stream=True)
        except TimeoutError:
            msg = f"no answer within {timeout_s:g} s"
            raise OutboundTimeout(msg) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _neutral(error) from None
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            await response.aclose()
            msg = f"the answer is compressed ({encoding[:20]}), although that was not asked for"
            raise OutboundBroken(msg)
        return OutboundResponse(response, read_timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _neutral(error: Exception) -> OutboundError:
    """Say in our words what httpx2 met.

    Only a failed connect keeps its own text (errno, DNS or TLS reason): the others may quote a
    header, and with it a credential.
    """
    match error:
        case httpx2.TimeoutException():
            return OutboundTimeout("the connection timed out")
        case httpx2.ConnectError():
            return OutboundRefused(f"no connection ({str(error) or 'refused'})")
        case httpx2.LocalProtocolError() | httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return OutboundRefused("the request cannot be sent: its URL or a header is not valid")
        case httpx2.RemoteProtocolError():
            return OutboundBroken("the connection was closed too early, or it is not HTTP")
        case _:
            return OutboundBroken("the connection broke")
