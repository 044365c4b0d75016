"""The HTTP client: the only importer of httpx2; an error envelope becomes an ``ApiError``.

Redirects are not followed and a proxy is not used for loopback: a token goes where it was meant to.

Every change through the admin API has an ``Idempotency-Key`` of its own. So when a connection
breaks before the answer is here, the change is sent again under the same key: the gateway makes it
once, and a new key's secret is not lost.
"""

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from prismctl import __version__
from prismctl.errors import ApiError, Unreachable
from prismctl.jsontext import Json, Object, as_object, as_text, dumps, loads, pick

CONNECT_TIMEOUT_S = 5.0
DEFAULT_TIMEOUT_S = 30.0
TRIES = 5
"""How often a change is sent whose answer does not arrive."""
TRY_AGAIN_S = 1.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_READS = ("GET", "HEAD", "OPTIONS")
_KEY = "idempotency-key"


Before = Callable[[str, str, Json, bytes | None], None]
"""Sees a request (method, path, body as JSON or as bytes) before it is sent; may raise."""


class TimedOut(Unreachable):
    """Nothing came for as long as was allowed."""


class _ConnectionLost(Unreachable):
    """The connection broke after the request was sent, wholly or in part."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Json:
        """Return the body as JSON.

        Raises:
            Unreachable: it is not JSON, so this is not a Prism gateway.
        """
        try:
            return loads(self.content)
        except (ValueError, RecursionError):
            msg = "the answer is not JSON: is this the URL of a Prism gateway?"
            raise Unreachable(msg, hint="see: prismctl contexts list") from None

    def object(self) -> Object:
        """Return the body as a JSON object; empty if it is another value."""
        return as_object(self.json())


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    cut: Callable[[], None]
    """End it from another thread: whoever waits for the next chunk is told that it broke."""


class Http:
    """One gateway and one credential. Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        log: Callable[[str], None] | None = None,
        before: Before | None = None,
    ) -> None:
        self.base_url = base_url
        self._log = log
        self._before = before
        headers = {"user-agent": f"prismctl/{__version__}", "accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        is_local = urlsplit(base_url).hostname in _LOOPBACK
        self._client = httpx2.Client(
            base_url=base_url,
            headers=headers,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
            trust_env=not is_local,  # no proxy; who signs certificates is heard of here as well
            verify=httpx2.create_ssl_context(),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the whole answer.

        Args:
            method: GET, POST …
            path: From the root of the gateway, with the leading slash.
            params: Query parameters.
            body: Sent as JSON unless None.
            content: Sent as it is, as JSON; instead of ``body``.
            headers: Further request headers, lower case.

        Raises:
            ApiError: the gateway answered with an error.
            Unreachable: it did not answer, or not in time.
        """
        sent, left = dict(headers or {}), 1
        if path.startswith("/-/") and method not in _READS:
            sent.setdefault(_KEY, secrets.token_hex(16))
            left = TRIES
        while True:
            try:
                with self.stream(
                    method, path, params=params, body=body, content=content, headers=sent
                ) as stream:
                    # Read inside: a broken body is as much a failure as a broken connection.
                    return Answer(stream.status, stream.headers, b"".join(stream.chunks))
            except (_ConnectionLost, ApiError) as error:
                left -= 1
                if not left or not _comes_later(error):
                    raise
            time.sleep(TRY_AGAIN_S)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        silence_s: float | None = None,
    ) -> Iterator[Stream]:
        """Send a request and hand over the answer while it comes; raises as ``request`` does.

        ``silence_s`` is how long nothing may come, if that is not the time-out of all requests.
        """
        sent = dict(headers or {})
        if self._before is not None:
            self._before(method, path, body, content)
        if body is not None:
            content = dumps(body).encode()
        if content is not None:
            sent["content-type"] = "application/json"
        started_s = time.monotonic()
        try:
            timeout = self._client.timeout
            if silence_s is not None:
                timeout = httpx2.Timeout(silence_s, connect=timeout.connect)
            with self._client.stream(
                method, path, params=params, content=content, headers=sent, timeout=timeout
            ) as response:
                self._trace(method, path, response, started_s)
                if not response.is_success:
                    raise _error(response, response.read())
                yield Stream(
                    response.status_code,
                    response.headers,
                    response.iter_bytes(),
                    partial(_cut, response),
                )
        except httpx2.TimeoutException:
            self._trace(method, path, None, started_s)
            msg = f"{self.base_url} did not answer in time"
            raise TimedOut(msg, hint="allow more with --timeout SECONDS") from None
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            self._trace(method, path, None, started_s)
            is_lost = isinstance(error, (httpx2.ReadError, httpx2.RemoteProtocolError))
            raise (_ConnectionLost if is_lost else Unreachable)(
                f"cannot reach {self.base_url}: {_reason(error)}",
                hint="is the gateway running? start one here with: prismctl up",
            ) from None

    def certificate_end(self) -> datetime | None:
        """Return when the certificate of the gateway ends; None where that is not told."""
        with self._client.stream("GET", "/healthz") as response:
            stream = response.extensions.get("network_stream")
            tls = None if stream is None else stream.get_extra_info("ssl_object")
            told = None if tls is None else tls.getpeercert()
        ends = None if not told else told.get("notAfter")
        return None if ends is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)

    def _trace(
        self, method: str, path: str, response: httpx2.Response | None, started_s: float
    ) -> None:
        if self._log is None:
            return
        elapsed_ms = (time.monotonic() - started_s) * 1000
        status = "no answer" if response is None else str(response.status_code)
        request_id = "-" if response is None else response.headers.get("x-request-id", "-")
        self._log(f"{method} {self.base_url}{path} {status} {elapsed_ms:.0f}ms {request_id}")


def _cut(response: httpx2.Response) -> None:
    """Shut the connection of an answer: closing it would not wake a thread that reads from it."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(connection, socket.socket):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _comes_later(error: _ConnectionLost | ApiError) -> bool:
    """Say whether the same request again gets the answer that is still missing."""
    return isinstance(error, _ConnectionLost) or error.code == "idempotency_in_flight"


def _reason(error: Exception) -> str:
    text = str(error).strip()
    return text.removeprefix("[Errno 111] ").lower() if text else type(error).__name__


def _error(response: httpx2.Response, content: bytes) -> ApiError:
    envelope: Json = None
    with suppress(ValueError):
        envelope = loads(content)
    message = as_text(pick(envelope, "error.message"))
    if not message:
        message = f"HTTP {response.status_code} {response.reason_phrase} without an explanation"
    problems = pick(envelope, "error.problems")
    if isinstance(problems, list):
        message = "\n".join(["the configuration cannot be used:", *map(str, problems)])
    return ApiError(
        message,
        status=response.status_code,
        type_=as_text(pick(envelope, "error.type")),
        code=as_text(pick(envelope, "error.code")),
        param=as_text(pick(envelope, "error.param")) or None,
        request_id=response.headers.get("x-request-id"),
        retry_after=response.headers.get("retry-after"),
        body=envelope,
    )
