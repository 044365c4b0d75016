"""Fetch what a caller's URL names, without letting it reach what the caller could not.

The name is resolved once and every address of it must be public; the connection goes to an address
that was checked, with the name in ``Host`` and in TLS. Redirects are followed three times at most,
each checked alike. No proxy, no credential, no cookie, nothing inflated; size and time are capped.
What is told of a failure says neither where a name leads nor whether it is known inside.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from prismd.kernel.addresses import Network, is_public, is_this_machine
from prismd.kernel.callers_url import BadUrl, CallersUrl
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_error import OutboundError, OutboundRefused, OutboundTimeout

if TYPE_CHECKING:
    from prismd.kernel.outbound_client import OutboundResponse

MAX_REDIRECTS = 3
MAX_ADDRESSES = 3
"""Of one host that are tried."""

NOT_ALLOWED = "url_not_allowed"
FAILED = "url_fetch_failed"
TOO_LARGE = "url_too_large"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SUCCESS = 200
_LOOKUPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lookup")
"""Not the threads of everybody: a name of a caller's may take its server half a minute."""

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
    own_ports: frozenset[int] = frozenset()
    """Where this process listens itself: not fetched from this machine, whatever is allowed."""
    max_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was there."""

    mime: str
    """Its media type, lower case, without parameters."""
    data: bytes


class _Fault(Exception):
    """Why there is nothing; the text goes on after "The URL in 'x' "."""

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.why, self.code = why, code


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name, best first."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, ask)
    return [str(info[4][0]) for info in found]


class Fetcher:
    """Fetches URLs of callers, by the operator's rules."""

    def __init__(
        self, outbound: Outbound, rules: FetchRules, *, resolve: Resolve = resolve
    ) -> None:
        self.rules = rules
        self._outbound = outbound
        self._resolve = resolve
        self._schemes = ("https", "http") if rules.allows_http else ("https",)

    async def fetch(self, url: str, *, types: tuple[str, ...], param: str) -> Fetched:
        """Fetch a URL.

        Args:
            url: As the caller gave it.
            types: Media types that may be there; ``image/`` stands for all of them.
            param: JSON path of the URL, for the error.

        Raises:
            InvalidRequest: it may not be fetched, is not there, too large, too slow, or of another
                type.
        """
        host = ""
        try:
            asked = self._read(url)
            host = f" (at {asked.host})"
            async with asyncio.timeout(self.rules.timeout_s):
                return await self._follow(asked, types)
        except _Fault as fault:
            why, code = fault.why, fault.code
        except (TimeoutError, OutboundTimeout):
            why, code = f"had no whole answer within {self.rules.timeout_s:g} s.", FAILED
        except OutboundRefused:
            why, code = "cannot be fetched: there is no connection that can be trusted.", FAILED
        except OutboundError:
            why, code = "cannot be fetched: its answer broke off, or cannot be read.", FAILED
        msg = f"The URL in '{param}'{host} {why}"
        raise InvalidRequest(msg, code=code, param=param)

    def _read(self, url: str) -> CallersUrl:
        """Take a URL apart that may be fetched, as far as it says itself."""
        if not self.rules.is_enabled:
            raise _refused("this gateway fetches none")
        try:
            asked = CallersUrl.read(url)
        except BadUrl as bad:
            raise _refused(str(bad)) from None
        if asked.scheme not in self._schemes:
            raise _refused(f"only {' and '.join(self._schemes)} URLs are")
        if asked.port not in self.rules.ports:
            raise _refused(f"port {asked.port} is not allowed")
        return asked

    async def _follow(self, asked: CallersUrl, types: tuple[str, ...]) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._open(asked)
            try:
                where = response.headers.get("location")
                if where is None or response.status not in _REDIRECTS:
                    return await self._whole(response, types)
            finally:
                await response.aclose()
            try:
                asked = self._read(urljoin(asked.text, where))
            except ValueError:
                raise _refused("it redirects to what is no URL") from None
        why = f"cannot be fetched: it is behind more than {MAX_REDIRECTS} redirects."
        raise _Fault(why, FAILED)

    async def _open(self, asked: CallersUrl) -> "OutboundResponse":
        """Ask the first address that can be reached."""
        *others, last = await self._addresses(asked)
        for address in others:
            try:
                return await self._ask(asked, address)
            except OutboundRefused:
                continue
        return await self._ask(asked, last)

    async def _ask(self, asked: CallersUrl, address: str) -> "OutboundResponse":
        # A connection is for one answer: another name at this address has another certificate.
        return await self._outbound.open(
            "GET",
            asked.at(address),
            headers=(("host", asked.host_header), ("accept", "*/*"), ("connection", "close")),
            timeout_s=self.rules.timeout_s,
            server_name=asked.host,
        )

    async def _addresses(self, asked: CallersUrl) -> list[str]:
        """Return the addresses of a host, all of which may be reached."""
        rules = self.rules
        try:
            found = await self._resolve(asked.host, asked.port)
        except (OSError, UnicodeError):
            found = []
        is_allowed = bool(found) and all(is_public(one, allowed=rules.networks) for one in found)
        if not is_allowed:  # whether a private name exists is nobody's business
            raise _refused("its host is not known, or not public")
        if asked.port in rules.own_ports and any(map(is_this_machine, found)):
            raise _refused("it leads back to this gateway")
        return list(dict.fromkeys(found))[:MAX_ADDRESSES]

    async def _whole(self, response: "OutboundResponse", types: tuple[str, ...]) -> Fetched:
        if response.status != _SUCCESS:
            raise _Fault(f"was answered with status {response.status}.", FAILED)
        mime = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not any(mime.startswith(one) if one.endswith("/") else mime == one for one in types):
            raise _Fault(f"names nothing of a type that is taken here ({_shown(types)}).", FAILED)
        if _length(response.headers.get("content-length", "")) > self.rules.max_bytes:
            raise self._too_large()
        return Fetched(mime, await self._body(response.chunks()))

    async def _body(self, chunks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self.rules.max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> _Fault:
        return _Fault(f"names more than {self.rules.max_bytes} bytes.", TOO_LARGE)


def _refused(why: str) -> _Fault:
    return _Fault(f"is not fetched: {why}. Send the data itself (base64).", NOT_ALLOWED)


def _shown(types: tuple[str, ...]) -> str:
    return ", ".join(f"{one}*" if one.endswith("/") else one for one in types)


def _length(told: str) -> int:
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0  # noqa: PLR2004
