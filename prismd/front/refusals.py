"""What a connection is told before there is a request that could be served: limits and answers."""

from http import HTTPStatus

from prismd.dialects.errors import error_body, error_headers
from prismd.kernel.errors import HeadTooLarge, InvalidRequest, PrismError, TargetTooLong
from prismd.kernel.ids import new_id

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
    body = error_body(error)
    headers = error_headers(error) | {
        "content-length": str(len(body)),
        "x-request-id": new_id("req"),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
