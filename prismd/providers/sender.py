"""The one way to a vendor over HTTP: base URL + path + credential → answer, failure → our error.

Knows the vendor's table and nothing of what is in a body. The credential is bound to the origin of
the base URL: it is put on the request here, after everything else, and a redirect is an error.
"""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from prismd.dialects.base import HttpCall
from prismd.dialects.openai_error import read_error
from prismd.kernel import jsonio
from prismd.kernel.errors import UpstreamError, UpstreamTimeout
from prismd.kernel.outbound import (
    Outbound,
    OutboundError,
    OutboundRefused,
    OutboundResponse,
    OutboundTimeout,
)
from prismd.kernel.secret import Secret
from prismd.providers.auth import auth_headers
from prismd.providers.base import ProviderSpec

LIST_TIMEOUT_S = 5.0
"""How long a vendor may take to list its models."""

_REDIRECTS = range(300, 400)


def resolve_base_url(spec: ProviderSpec, given: str | None) -> str:
    """Return the base URL to use, without a slash at its end.

    The vendor's own is taken as it is. What the operator gives gets ``/v1`` if it has no path.

    Raises:
        ValueError: none is known, or the given one is no plain http(s) URL.
    """
    if given is None or given == spec.base_url:
        if spec.base_url is None:
            msg = f"type '{spec.type}' needs a base_url, for example http://127.0.0.1:8000/v1"
            raise ValueError(msg)
        return spec.base_url.rstrip("/")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = "base_url must be an http:// or https:// URL, for example https://host/v1"
        raise ValueError(msg)
    if parts.query or parts.fragment or parts.username is not None:
        msg = "base_url must not hold a user, a query or a fragment; give the key as api_key"
        raise ValueError(msg)
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


class SentResponse:
    """A vendor's answer over HTTP (the port ``UpstreamResponse``)."""

    def __init__(self, response: OutboundResponse, *, provider: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._provider = provider

    async def read(self) -> bytes:
        """Read the whole body; raises UpstreamError."""
        try:
            return await self._response.read()
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises UpstreamError."""
        try:
            async for chunk in self._response.chunks():
                yield chunk
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error

    async def aclose(self) -> None:
        """Give the connection back, or cut it if the body was not read to its end."""
        await self._response.aclose()


class HttpUpstream:
    """One configured vendor behind HTTP (the port ``Upstream``). The pool belongs to the caller."""

    def __init__(
        self,
        spec: ProviderSpec,
        *,
        provider_id: str,
        base_url: str | None = None,
        credential: Secret | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        outbound: Outbound,
    ) -> None:
        """Prepare the calls.

        Args:
            spec: The vendor's table.
            provider_id: The name in the config; messages use it.
            base_url: The operator's, or None for the vendor's own.
            credential: None sends no credential.
            headers: Further headers for each call, from the config.
            timeout_s: From sending to the head, and again for a body that is read whole.
            outbound: The shared connection pool; it is not closed here.

        Raises:
            ValueError: the base URL or the credential cannot be used.
        """
        self.base_url = resolve_base_url(spec, base_url)
        self._provider = provider_id
        self._headers = tuple((name.lower(), value) for name, value in (headers or {}).items())
        self._auth = auth_headers(spec.auth, credential)
        self._timeout_s = timeout_s
        self._outbound = outbound

    async def send(self, call: HttpCall) -> SentResponse:
        """Send and wait for the head of the answer; raises UpstreamError, UpstreamTimeout."""
        return await self._open(call, self._timeout_s)

    async def list_models(self) -> list[str]:
        """Ask the vendor for its model ids.

        Raises:
            UpstreamError: no answer, an error answer, or one that is no list of models.
        """
        response = await self._open(HttpCall("GET", "/models", b""), LIST_TIMEOUT_S)
        try:
            body = await response.read()
        finally:
            await response.aclose()
        if response.status != HTTPStatus.OK:
            raise read_error(response.status, response.headers, body, provider=self._provider)
        ids = read_model_ids(body)
        if ids is None:
            msg = f"Provider '{self._provider}' answered GET /models with no list of models."
            raise UpstreamError(msg, provider=self._provider, code="invalid_upstream_response")
        return ids

    async def _open(self, call: HttpCall, timeout_s: float) -> SentResponse:
        headers = {
            "accept": "application/json, text/event-stream",
            **({"content-type": "application/json"} if call.body else {}),
            **dict(self._headers),
            **dict(call.headers),
            **dict(self._auth),
        }
        try:
            response = await self._outbound.open(
                call.method,
                self.base_url + call.path,
                headers=list(headers.items()),
                content=call.body or None,
                timeout_s=timeout_s,
            )
        except OutboundError as error:
            raise _upstream_error(error, self._provider) from error
        if response.status in _REDIRECTS:
            await response.aclose()
            raise self._redirected(response)
        return SentResponse(response, provider=self._provider)

    def _redirected(self, response: OutboundResponse) -> UpstreamError:
        try:
            where = urlsplit(response.headers.get("location", "")).hostname or "another path"
        except ValueError:
            where = "what is no URL"
        msg = (
            f"Provider '{self._provider}' answered with a redirect to {where}. Redirects are not "
            "followed, because the credential is for the configured base_url only: correct that."
        )
        return UpstreamError(
            msg,
            provider=self._provider,
            upstream_status=response.status,
            code="provider_redirected",
        )


def read_model_ids(body: bytes) -> list[str] | None:
    """Read a list of models in OpenAI's shape (some vendors send the bare array).

    Returns:
        The ids in the vendor's order, or None if the body is no such list.
    """
    try:
        listed = jsonio.decode(body)
    except ValueError:
        return None
    if isinstance(listed, dict):
        # Ollama without models writes ``"data": null``.
        listed = listed.get("data") or ([] if listed.get("object") == "list" else None)
    if not isinstance(listed, list):
        return None
    ids = (model.get("id") for model in listed if isinstance(model, dict))
    return [model_id for model_id in ids if isinstance(model_id, str) and model_id]


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
