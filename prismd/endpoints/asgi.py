"""The raw ASGI side of the hot rooms: read a body, answer, and notice a client that leaves."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from operator import methodcaller
from types import TracebackType
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from prismd.flow.reply import Reply, Streaming
from prismd.kernel import clock
from prismd.kernel.errors import InvalidRequest, MethodNotAllowed, RequestTimeout, TooLarge
from prismd.kernel.tasks import Deadline

MAX_ROOM_BODY_BYTES = 1024 * 1024
"""The largest body of what is no inference call; it is read before anything looks at it."""
_OURS = b"x-prism-"
_latin_1 = methodcaller("encode", "latin-1", "replace")
_JSON = (b"content-type", b"application/json")
MAX_TIMEOUT_MS = 3_600_000
MAX_TAGS = 16
MAX_TAG_NAME_CHARS = 64
MAX_TAG_VALUE_CHARS = 256
BODY_GRACE_S = 30.0
"""How long a body may take before its rate counts: a phone may lose its network for a while."""
MIN_BODY_BYTES_PER_S = 4_096
"""The rate after that; slower ones only hold a connection."""


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


def take_body(scope: Scope, max_bytes: int) -> bytes | None:
    """Return the whole body if all of it is here: no need to wait, nor to measure how long.

    Raises:
        TooLarge: over ``max_bytes``.
    """
    body: bytes | None = scope["exchange"].take_body()
    if body is not None and len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """Read the whole body, counting the bytes that really arrive.

    Raises:
        TooLarge: over ``max_bytes``; RequestTimeout: it comes too slowly; ClientLeft: cut before
        its end.
    """
    latest_s = clock.monotonic_s() + BODY_GRACE_S
    if int(scope["head"].get(b"content-length", 0)) > max_bytes:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            with Deadline(latest_s + size / MIN_BODY_BYTES_PER_S - clock.monotonic_s()):
                message = await receive()
        except TimeoutError:
            msg = "The body comes too slowly; the connection is closed. Send the request again."
            raise RequestTimeout(msg, headers={"connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def wrong_method(method: str, allowed: str) -> MethodNotAllowed:
    """Return what a path says to a method that it does not take; ``allowed`` as in ``Allow``."""
    msg = f"This path does not take {method}. Use {allowed}."
    return MethodNotAllowed(msg, headers={"allow": allowed})


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is over the limit of {max_bytes} bytes for this path.")


class WhileConnected:
    """Cut what runs in the block when the client leaves, and wait until it has cleaned up.

    Raises ClientLeft then: ``with WhileConnected(scope): await …``.
    """

    __slots__ = ("_exchange", "_task")

    def __init__(self, scope: Scope) -> None:
        self._exchange = scope["exchange"]

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # ASGI apps run in a task
        self._task = task
        self._exchange.on_leave = task.cancel
        if self._exchange.disconnected:
            task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._exchange.on_leave = None
        if kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        if self._exchange.disconnected and not self._task.uncancel():
            raise ClientLeft from None


async def send_reply(send: Send, reply: Reply) -> None:
    """Write a reply; a stream is written event by event, each as it comes."""
    if reply.stream is None:
        body = reply.body or b""
        await send(_head(reply, [_JSON, (b"content-length", b"%d" % len(body))]))
        await send({"type": "http.response.body", "body": body})
        return
    try:
        await send(_head(reply, _described(reply.stream)))
        async for event in reply.stream:
            await send({"type": "http.response.body", "body": event, "more_body": True})
    finally:
        await reply.stream.aclose()
    await send({"type": "http.response.body", "body": b""})


def _described(stream: Streaming) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in stream.headers.items()]


def _head(reply: Reply, of_body: list[tuple[bytes, bytes]]) -> Message:
    """Return the head of an answer; a kept one says itself what its body is."""
    told = reply.headers
    if "content-type" in told:
        of_body = [header for header in of_body if header[0] != b"content-type"]
    headers = [*zip(map(str.encode, told), map(_latin_1, told.values()), strict=True), *of_body]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def query_of(scope: Scope) -> dict[str, str]:
    """Return the parameters of a query by name; of one that is given twice, the first."""
    text = scope["query_string"].decode("latin-1")
    return dict(reversed(parse_qsl(text, keep_blank_values=True)))


def prism_headers(scope: Scope) -> dict[str, str]:
    """Return the ``x-prism-*`` headers of a request: those that stages may look at.

    Raises:
        InvalidRequest: a value is not ASCII.
    """
    head: Mapping[bytes, bytes] = scope["head"]
    if not scope["has_own_headers"]:
        return {}
    return _texts(head, [name for name in head if name.startswith(_OURS)])


def vendor_headers(scope: Scope, wanted: Iterable[bytes]) -> dict[str, str]:
    """Return the headers that may go on to a vendor (``anthropic-beta`` …).

    Args:
        scope: Of the request.
        wanted: The names that any provider is passed.

    Raises:
        InvalidRequest: a value is not ASCII.
    """
    head: Mapping[bytes, bytes] = scope["head"]
    names = [name for name in wanted if name in head]
    return _texts(head, names) if names else {}


def _texts(head: Mapping[bytes, bytes], names: Iterable[bytes]) -> dict[str, str]:
    wanted = [(name, head[name]) for name in names]
    for name, value in wanted:
        if not value.isascii():
            text = name.decode("latin-1")
            raise InvalidRequest(f"'{text}' must be ASCII.", code="invalid_header", param=text)
    return {name.decode("latin-1"): value.decode() for name, value in wanted}


def timeout_of(headers: Mapping[str, str]) -> float | None:
    """Read ``x-prism-request-timeout`` (milliseconds) as seconds.

    Raises:
        InvalidRequest: not a whole number from 1 to an hour.
    """
    text = headers.get("x-prism-request-timeout")
    if text is None:
        return None
    # The length first: reading a number of thousands of digits is refused by Python itself.
    is_short = text.isdigit() and len(text) <= len(str(MAX_TIMEOUT_MS))
    if not is_short or not 0 < int(text) <= MAX_TIMEOUT_MS:
        msg = f"x-prism-request-timeout is a number of milliseconds from 1 to {MAX_TIMEOUT_MS}."
        raise InvalidRequest(msg, code="invalid_header", param="x-prism-request-timeout")
    return int(text) / 1000


def tags_of(headers: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a call: those of ``x-prism-tags`` (``name=value,…``), then the key's.

    Raises:
        InvalidRequest: the header cannot be read, or holds too many or too long labels.
    """
    own = tags_of_key(metadata) if metadata else {}
    text = headers.get("x-prism-tags")
    if text is None:
        return own
    tags: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not (name and is_tag(name, value)) or len(tags) >= MAX_TAGS:
            msg = (
                f"x-prism-tags is name=value,name=value: at most {MAX_TAGS} labels, names up to "
                f"{MAX_TAG_NAME_CHARS} and values up to {MAX_TAG_VALUE_CHARS} characters."
            )
            raise InvalidRequest(msg, code="invalid_header", param="x-prism-tags")
        tags[name] = value
    return tags | own


def tags_of_key(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that the metadata of a key gives its calls: the first that can be one."""
    return dict(islice(((n, v) for n, v in metadata.items() if is_tag(n, v)), MAX_TAGS))


def is_tag(name: str, value: str) -> bool:
    """Say whether a name and its value can be a label of a call."""
    fits = len(name) <= MAX_TAG_NAME_CHARS and len(value) <= MAX_TAG_VALUE_CHARS
    return fits and value != ""
