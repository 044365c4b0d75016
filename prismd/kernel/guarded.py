"""Fetch what a caller's URL names, without letting it reach what the caller could not.

The name is resolved once and every address of it must be public; the connection goes to the address
that was checked, with the name in ``Host`` and in TLS. Redirects are followed three times at most,
each checked alike. No proxy, no credential, no cookie, nothing inflated; size and time are capped.
What is told of a failure does not say where a name leads.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from prismd.kernel.addresses import Network, is_public
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_error import OutboundError

MAX_REDIRECTS = 3
MAX_URL_CHARS = 8_192
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SUCCESS = 200
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)*")
_ONLY_DIGITS = re.compile(r"(0x[0-9a-f]+|[0-9.]+)+")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Name and port → addresses; raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """What may be fetched."""

    is_enabled: bool = True
    allows_http: bool = False
    networks: tuple[Network, ...] = ()
    """Private networks that callers may reach all the same."""
    ports: frozenset[int] = frozenset({80, 443})
    max_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was there."""

    mime: str
    data: bytes


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


class Fetcher:
    """Fetches URLs of callers, by the operator's rules."""

    def __init__(
        self, outbound: Outbound, rules: FetchRules, *, resolve: Resolve = resolve
    ) -> None:
        self.rules = rules
        self._outbound = outbound
        self._resolve = resolve

    async def fetch(self, url: str, *, types: tuple[str, ...], param: str) -> Fetched:
        """Fetch a URL.

        Args:
            url: As the caller gave it.
            types: Beginnings of the media types that may be there.
            param: JSON path of the URL, for the error.

        Raises:
            InvalidRequest: it may not be fetched, is not there, too large, too slow, or of another
                type.
        """
        rules = self.rules
        if not rules.is_enabled:
            msg = "URLs are not fetched here: send the data itself (base64)."
            raise InvalidRequest(msg, code="url_not_allowed", param=param)
        try:
            async with asyncio.timeout(rules.timeout_s):
                return await self._follow(url, types, param)
        except TimeoutError:
            msg = f"What '{param}' names was not there within {rules.timeout_s:g} s."
            raise InvalidRequest(msg, code="url_fetch_failed", param=param) from None
        except OutboundError:
            msg = f"What '{param}' names cannot be fetched: there is no answer."
            raise InvalidRequest(msg, code="url_fetch_failed", param=param) from None

    async def _follow(self, url: str, types: tuple[str, ...], param: str) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            found = await self._once(url, types, param)
            if isinstance(found, Fetched):
                return found
            url = urljoin(url, found)
        msg = f"What '{param}' names is behind more than {MAX_REDIRECTS} redirects."
        raise InvalidRequest(msg, code="url_fetch_failed", param=param)

    async def _once(self, url: str, types: tuple[str, ...], param: str) -> Fetched | str:
        """Ask one address; return what is there, or where it says to look."""
        parts, host, port = self._checked(url, param)
        address = await self._address(host, port, param)
        shown = f"[{address}]" if ":" in address else address
        path = parts.path or "/"
        query = f"?{parts.query}" if parts.query else ""
        response = await self._outbound.open(
            "GET",
            f"{parts.scheme}://{shown}:{port}{path}{query}",
            headers=(("host", _host_header(parts.scheme, host, port)), ("accept", "*/*")),
            timeout_s=self.rules.timeout_s,
            server_name=host,
        )
        try:
            if response.status in _REDIRECTS and "location" in response.headers:
                return response.headers["location"]
            if response.status != _SUCCESS:
                msg = f"What '{param}' names answered with status {response.status}."
                raise InvalidRequest(msg, code="url_fetch_failed", param=param)
            mime = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if not mime.startswith(types):
                msg = f"What '{param}' names is not {' or '.join(types)}."
                raise InvalidRequest(msg, code="url_fetch_failed", param=param)
            return Fetched(mime, await self._body(response.chunks(), param))
        finally:
            await response.aclose()

    async def _body(self, chunks: object, param: str) -> bytes:
        body = bytearray()
        async for chunk in chunks:  # type: ignore[attr-defined]
            body += chunk
            if len(body) > self.rules.max_bytes:
                msg = f"What '{param}' names is larger than {self.rules.max_bytes} bytes."
                raise InvalidRequest(msg, code="url_too_large", param=param)
        return bytes(body)

    def _checked(self, url: str, param: str) -> tuple[SplitResult, str, int]:
        """Take a URL apart; raises InvalidRequest for what is not fetched whoever is behind it."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").rstrip(".")
            host = host if host.isascii() else host.encode("idna").decode("ascii")
        except (ValueError, UnicodeError):
            raise _refused("it is no URL", param) from None
        is_literal = ":" in host
        schemes = ("https", "http") if self.rules.allows_http else ("https",)
        if parts.scheme not in schemes:
            raise _refused(f"only {' and '.join(schemes)} URLs are fetched", param)
        if len(url) > MAX_URL_CHARS or not (url.isascii() and url.isprintable()) or " " in url:
            raise _refused("it is no URL", param)
        if parts.username is not None or parts.password is not None:
            raise _refused("a URL with a user is not fetched", param)
        if not is_literal and not _HOST.fullmatch(host.lower()):
            raise _refused("it has no host that can be", param)
        port = port or (443 if parts.scheme == "https" else 80)
        if port not in self.rules.ports:
            raise _refused(f"port {port} is not allowed", param)
        return parts, host.lower(), port

    async def _address(self, host: str, port: int, param: str) -> str:
        """Return an address of a host of which all are public."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            msg = f"What '{param}' names cannot be fetched: its host is not known."
            raise InvalidRequest(msg, code="url_fetch_failed", param=param) from None
        allowed = self.rules.networks
        if not addresses or not all(is_public(one, allowed=allowed) for one in addresses):
            raise _refused("its host is not public", param)
        return addresses[0]


def _host_header(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == (443 if scheme == "https" else 80) else f"{shown}:{port}"


def _refused(why: str, param: str) -> InvalidRequest:
    msg = f"The URL in '{param}' may not be fetched: {why}. Send the data itself (base64)."
    return InvalidRequest(msg, code="url_not_allowed", param=param)
