"""The one way to a vendor over HTTP: base URL + path + credential → answer, failure → our error.

Knows the vendor's table and nothing of what is in a body. The credential is bound to the origin of
the base URL: it is put on the request here, after everything else, and a redirect is an error.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from prismd.dialects.base import HttpCall
from prismd.dialects.vendor_error import read_error
from prismd.kernel.errors import UpstreamError, UpstreamTimeout
from prismd.kernel.http1_answer import Answer
from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_error import OutboundError, OutboundRefused, OutboundTimeout
from prismd.kernel.pool import MAX_CONNECTIONS, MAX_IDLE, Origin, PoolUse
from prismd.kernel.secret import Secret
from prismd.providers.address import ascii_name, host_header, resolve_base_url
from prismd.providers.auth import auth_headers
from prismd.providers.base import ProviderSpec, Signer
from prismd.providers.listing import MAX_MODELS, MAX_PAGES, read_page, with_query

MAX_HEADS = 4_096
"""Heads that are remembered."""

LIST_TIMEOUT_S = 5.0
"""How long a vendor may take for a page of its list of models."""

_REDIRECTS = range(300, 400)
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_STATIC = {"user-agent": "prism", "accept-encoding": "identity", "connection": "keep-alive"}
_PATH_SAFE = "/:@!$&'()*+,;=~%-._"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class SentResponse:
    """A vendor's answer over HTTP (the port ``UpstreamResponse``)."""

    __slots__ = ("_answer", "_provider", "headers", "status")

    def __init__(self, answer: Answer, *, provider: str) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer = answer
        self._provider = provider

    def take_body(self) -> bytes | None:
        """Return the whole body if all of it is here, which ends the answer; else None."""
        answer = self._answer
        if not answer.is_complete:
            return None
        try:
            return answer.whole()
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error

    async def read(self) -> bytes:
        """Return the whole body; raises UpstreamError."""
        try:
            return await self._answer.read()
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises UpstreamError."""
        try:
            async for chunk in self._answer.chunks():
                yield chunk
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error

    async def aclose(self) -> None:
        """Cut the connection if the body was not read to its end."""
        await self._answer.aclose()


class HttpUpstream:
    """One configured vendor behind HTTP (the port ``Upstream``). The pool belongs to the caller."""

    def __init__(
        self,
        spec: ProviderSpec,
        *,
        provider_id: str,
        base_url: str | None = None,
        credential: Secret | None = None,
        signer: Signer | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        ca_file: str | None = None,
        skip_tls: bool = False,
        max_concurrent: int = MAX_CONNECTIONS,
        conn_pool_size: int = MAX_IDLE,
        outbound: Outbound,
    ) -> None:
        """Prepare the calls.

        Args:
            spec: The vendor's table.
            provider_id: The name in the config; messages use it.
            base_url: The operator's, or None for the vendor's own.
            credential: None sends no credential.
            signer: What makes the credential of each call, where it is not always the same.
            headers: Further headers for each call, from the config.
            timeout_s: From sending to the head, and again for a body that is read whole.
            ca_file: PEM file of certificates to trust in place of the system's.
            skip_tls: Take any certificate.
            max_concurrent: How many connections, and with it calls, at a time; the others wait.
            conn_pool_size: How many idle connections are kept.
            outbound: All connections of the process; they are not closed here.

        Raises:
            ValueError: the base URL or the credential cannot be used.
            OSError: ``ca_file`` cannot be used.
        """
        self.base_url = resolve_base_url(spec, base_url)
        self._provider = provider_id
        self._headers = dict(spec.headers) | {
            name.lower(): value for name, value in (headers or {}).items()
        }
        self._auth = auth_headers(spec.auth, credential)
        self._signer = signer
        self._listing = spec.listing
        self._timeout_s = timeout_s
        parts = urlsplit(self.base_url)
        is_tls = parts.scheme == "https"
        self._path = quote(parts.path, safe=_PATH_SAFE)
        self._host = host_header(parts)
        self.origin = Origin(
            host=ascii_name(parts.hostname or ""),
            port=parts.port or (443 if is_tls else 80),
            is_tls=is_tls,
            ca_file=ca_file,
            is_verified=not skip_tls,
            max_connections=max_concurrent,
            max_idle=conn_pool_size,
        )
        self._pool = outbound.pools.of(self.origin)
        self._heads: dict[tuple[str, str], bytes] = {}
        """Method and path → the head of such a call up to its own headers."""
        self._own = {"accept": "", "content-type": "", **_STATIC, **self._headers}
        self._own |= dict(self._auth)
        """What a head has before a call's own headers."""

    async def send(self, call: HttpCall) -> SentResponse:
        """Send and wait for the head of the answer; raises UpstreamError, UpstreamTimeout."""
        try:
            head = self._head(call)
            if self._signer is not None:
                head = await self._signed(call, head, self._path, self._signer)
            answer = await self._pool.send(
                head,
                call.body,
                timeout_s=self._timeout_s,
                is_head=call.method == "HEAD",
            )
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error
        if 300 <= answer.status < 400:  # noqa: PLR2004
            await answer.aclose()
            raise self._redirected(answer.status, answer.headers)
        return SentResponse(answer, provider=self._provider)

    @property
    def use(self) -> PoolUse:
        """How the connections to the vendor are used."""
        return self._pool.use

    async def list_models(self) -> list[str]:
        """Ask the vendor for its model ids, page by page.

        Raises:
            UpstreamError: no answer, an error answer, or one that is no list of models.
        """
        listing = self._listing
        if listing is None:
            msg = f"Provider '{self._provider}' cannot be asked for its models."
            raise UpstreamError(msg, provider=self._provider, code="unsupported_operation")
        base = self._path.removesuffix(listing.instead_of)
        found: dict[str, None] = {}
        path = listing.path
        for _ in range(MAX_PAGES):
            page = read_page(await self._fetch(base, path))
            if page is None:
                msg = f"Provider '{self._provider}' answered GET {path} with no list of models."
                raise UpstreamError(msg, provider=self._provider, code="invalid_upstream_response")
            found |= dict.fromkeys(page.ids)
            if page.next is None or len(found) >= MAX_MODELS:
                break
            path = with_query(listing.path, page.next)
        return list(found)[:MAX_MODELS]

    async def _fetch(self, base: str, path: str) -> bytes:
        """Return the body of what is at a path below the base."""
        call = HttpCall("GET", path, b"", (("accept", "application/json"),))
        try:
            head = self._static_head(call, call.headers, base) + b"\r\n"
            if self._signer is not None:
                head = await self._signed(call, head, base, self._signer)
            response = await self._pool.send(head, b"", timeout_s=LIST_TIMEOUT_S)
            try:
                body = await response.read()
            finally:
                await response.aclose()
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error
        if response.status in _REDIRECTS:
            raise self._redirected(response.status, response.headers)
        if response.status != HTTPStatus.OK:
            raise read_error(response.status, response.headers, body, provider=self._provider)
        return body

    def _head(self, call: HttpCall) -> bytes:
        """Return the head of a request; raises OutboundRefused for what no head can carry."""
        key = (call.method, call.path)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= MAX_HEADS:  # a path may hold a caller's word for a model
                self._heads.clear()
            self._heads[key] = head = self._static_head(call, (), self._path)
        if call.headers:
            own = self._own
            new = [item for item in call.headers if own.get(item[0]) != item[1]]
            if any(name in own for name, _ in new):
                head = self._static_head(call, call.headers, self._path)
            else:
                head += _lines(new)
        if call.body or call.method not in _WITHOUT_BODY:
            return b"%bcontent-length: %d\r\n\r\n" % (head, len(call.body))
        return head + b"\r\n"

    async def _signed(self, call: HttpCall, head: bytes, base: str, signer: Signer) -> bytes:
        """Return a whole head with the credential of this call in it."""
        headers = await signer.headers(
            method=call.method, url_path=_below(base, call.path), host=self._host, body=call.body
        )
        return head[:-2] + _lines(headers) + b"\r\n"

    def _static_head(self, call: HttpCall, own: Sequence[tuple[str, str]], base: str) -> bytes:
        """Later names replace earlier ones; the credential is the last."""
        headers = {
            **_STATIC,
            "accept": "application/json, text/event-stream",
            **({"content-type": "application/json"} if call.method not in _WITHOUT_BODY else {}),
            **self._headers,
            **dict(own),
            **dict(self._auth),
        }
        path = _below(base, call.path)
        head = f"{call.method} {path} HTTP/1.1\r\nhost: {self._host}\r\n".encode("ascii")
        return head + _lines(tuple(headers.items()))

    def _redirected(self, status: int, headers: Mapping[str, str]) -> UpstreamError:
        try:
            where = urlsplit(headers.get("location", "")).hostname or "another path"
        except ValueError:
            where = "what is no URL"
        msg = (
            f"Provider '{self._provider}' answered with a redirect to {where}. Redirects are not "
            "followed, because the credential is for the configured base_url only: correct that."
        )
        return UpstreamError(
            msg,
            provider=self._provider,
            upstream_status=status,
            code="provider_redirected",
        )


def _below(base: str, path: str) -> str:
    """Return path and query of a call as they are sent; what is encoded already stays so."""
    return base + quote(path, safe=_PATH_SAFE + "?")


def _lines(headers: Sequence[tuple[str, str]]) -> bytes:
    for name, value in headers:
        if not (_is_name(name) and _VALUE.fullmatch(value)):
            msg = "the request cannot be sent: its URL or a header is not valid"
            raise OutboundRefused(msg)
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _upstream_error(error: OutboundError, provider: str) -> UpstreamError:
    match error:
        case OutboundTimeout():
            return UpstreamTimeout(f"Provider '{provider}': {error}.", provider=provider)
        case OutboundRefused():
            msg = f"Provider '{provider}' cannot be reached: {error}."
            return UpstreamError(msg, provider=provider, code="provider_unreachable")
        case _:
            msg = f"Provider '{provider}' broke off: {error}."
            return UpstreamError(msg, provider=provider, code="provider_connection_broken")
