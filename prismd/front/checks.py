"""What a request's head must look like. Pure functions over ASGI scopes; each raises or returns.

Reasons are in the incidents elsewhere: a Host that changes the path an authorisation check sees,
two values of a header of which two parsers take different ones, paths that mean another route
once they are decoded a second time.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from prismd.kernel.errors import Forbidden, InvalidRequest, UnsupportedEncoding

RawHeaders = Sequence[tuple[bytes, bytes]]
Head = Mapping[bytes, bytes]
"""Headers by name in lower case; of one that may be repeated, the last."""

_HOST = re.compile(rb"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_SINGLE_HEADERS = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"if-match",
        b"x-api-key",
        b"x-goog-api-key",
    }
)
_BAD_PATH = re.compile(
    rb"//|[\x00-\x20\x7f-\xff\\]|%(?:00|0[0-9a-f]|1[0-9a-f]|7f|25|5c|2e)|/\.{1,2}(?:/|$)",
    re.IGNORECASE,
)
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_MODEL_PATHS = (b"/v1/models/", b"/v1beta/models/")


def check_headers(headers: RawHeaders) -> Head:
    """Return the headers by name; refuse compressed bodies, and two values where one must count.

    Raises:
        InvalidRequest: ``duplicate_header``; UnsupportedEncoding: a body that is not identity.
    """
    head = dict(headers)
    if len(head) != len(headers):
        _check_repeated(headers)
    if head.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        msg = "Compressed bodies are not accepted. Send the body without Content-Encoding."
        raise UnsupportedEncoding(msg, param="content-encoding")
    return head


def _check_repeated(headers: RawHeaders) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in _SINGLE_HEADERS or name.startswith(b"x-prism-"):
            if name in seen:
                text = name.decode("latin-1")
                msg = f"The header '{text}' is given more than once. Send it once."
                raise InvalidRequest(msg, code="duplicate_header", param=text)
            seen.add(name)


def check_host(head: Head, allowed: frozenset[str] | None) -> None:
    """Require one well-formed Host that is allowed; None allows every well-formed one.

    Raises:
        InvalidRequest: missing or malformed (400); Forbidden: of another name (403).
    """
    name = _host_name(head.get(b"host", b""))
    if name is None:
        msg = "The Host header is missing or malformed. Send 'Host: name[:port]'."
        raise InvalidRequest(msg, code="invalid_host", param="host")
    if allowed is not None and name not in allowed:
        msg = (
            f"The host '{name}' is not served here. The operator can add it to "
            "server.allowed_hosts."
        )
        raise Forbidden(msg, code="host_not_allowed", param="host")


@lru_cache(maxsize=256)
def _host_name(value: bytes) -> str | None:
    """Return the name in a Host header, lower case; None if it is malformed."""
    match = _HOST.fullmatch(value)
    return match[1].decode().lower() if match else None


def check_path(raw_path: bytes) -> None:
    """Refuse paths that could mean another one after decoding.

    An encoded slash is let through in the model segment only: SDKs send it there.

    Raises:
        InvalidRequest: ``invalid_path``.
    """
    if _is_ambiguous(raw_path):
        msg = "The path is not in its plain form (no '//', '..', control or doubly encoded bytes)."
        raise InvalidRequest(msg, code="invalid_path")


@lru_cache(maxsize=256)
def _is_ambiguous(raw_path: bytes) -> bool:
    if _BAD_PATH.search(raw_path):
        return True
    is_slash_hidden = b"%" in raw_path and _ENCODED_SLASH.search(raw_path) is not None
    return is_slash_hidden and not raw_path.startswith(_MODEL_PATHS)
