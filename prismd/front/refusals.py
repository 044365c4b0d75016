"""What a connection is told before there is a request that could be served: limits and answers."""

from functools import cache
from http import HTTPStatus

from prismd.dialects.errors import error_body, error_headers
from prismd.kernel.errors import HeadTooLarge, InvalidRequest, PrismError, TargetTooLong
from prismd.kernel.ids import new_id
from prismd.policy.load import overloaded

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
MAX_REQUEST_LINE_BYTES = 8 * 1024
"""Of method and target."""


def head_too_large() -> HeadTooLarge:
    """Return what a head over its limits is told."""
    msg = (
        f"Target and headers are over {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers. "
        "Send fewer or shorter headers."
    )
    return HeadTooLarge(msg)


def line_too_long() -> TargetTooLong:
    """Return what a request line over its limit is told."""
    msg = f"Method and target are over {MAX_REQUEST_LINE_BYTES} bytes. Send a shorter URL."
    return TargetTooLong(msg)


def no_http() -> InvalidRequest:
    """Return what is told to bytes that are no request."""
    return InvalidRequest("This is no valid HTTP/1.1 request.", code="invalid_http")


def answer(error: PrismError) -> bytes:
    """Write the whole answer, the last one on its connection."""
    head, body = _without_id(error, {"connection": "close"})
    return head + f"x-request-id: {new_id('req')}\r\n\r\n".encode() + body


def too_many_calls() -> bytes:
    """Write the whole answer to a call that comes when more come than can be served."""
    head, body = _too_many_calls()
    return head + f"x-request-id: {new_id('req')}\r\n\r\n".encode() + body


@cache
def _too_many_calls() -> tuple[bytes, bytes]:
    return _without_id(overloaded("more calls come than this process can handle"), {})


def _without_id(error: PrismError, more: dict[str, str]) -> tuple[bytes, bytes]:
    """Return the head of an answer up to its last header, and the body."""
    body = error_body(error)
    headers = error_headers(error) | {"content-length": str(len(body))} | more
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n", body
