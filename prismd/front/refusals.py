"""What a connection is told before there is a request that could be served: limits and answers."""

from functools import cache
from http import HTTPStatus

from prismd.dialects.errors import error_body, error_headers
from prismd.kernel.errors import HeadTooLarge, InvalidRequest, PrismError, TargetTooLong
from prismd.kernel.ids import new_id
from prismd.policy.load import overloaded
from prismd.wire.call import DialectName

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


def answer(error: PrismError, dialect: DialectName) -> bytes:
    """Write the whole answer, the last one on its connection."""
    return _written(error, dialect, new_id("req"), {"connection": "close"})


def too_many_calls(dialect: DialectName) -> bytes:
    """Write the whole answer to a call that comes when more come than can be served."""
    known_id, text = _too_many_calls(dialect)
    return text.replace(known_id, new_id("req").encode())


@cache
def _too_many_calls(dialect: DialectName) -> tuple[bytes, bytes]:
    """Return an answer, and the id in it, which is as long as any other."""
    known_id = new_id("req")
    error = overloaded("more calls come than this process can handle")
    return known_id.encode(), _written(error, dialect, known_id, {})


def _written(
    error: PrismError, dialect: DialectName, request_id: str, more: dict[str, str]
) -> bytes:
    body = error_body(error, dialect, request_id=request_id)
    headers = error_headers(error, dialect, request_id=request_id) | more
    headers |= {"content-length": str(len(body)), "x-request-id": request_id}
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
