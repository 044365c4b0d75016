"""What a request's head must look like. Pure functions over ASGI scopes; each raises or returns.

Reasons are in the incidents elsewhere: a Host that changes the path an authorisation check sees,
two values of a header of which two parsers take different ones, paths that mean another route
once they are decoded a second time.
"""

import re
from collections.abc import Iterable

from prismd.kernel.errors import Forbidden, InvalidRequest, UnsupportedEncoding

Headers = Iterable[tuple[bytes, bytes]]

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
    }
)
_BAD_PATH = re.compile(
    rb"//|[\x00-\x20\x7f-\xff\\]|%(?:00|0[0-9a-f]|1[0-9a-f]|7f|25|5c|2e)|/\.{1,2}(?:/|$)",
    re.IGNORECASE,
)
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_MODEL_PATH = b"/v1/models/"


def check_headers(headers: Headers) -> None:
    """Refuse a header given twice where one value must count, and compressed bodies.

    Raises:
        InvalidRequest: ``duplicate_header``; UnsupportedEncoding: a body that is not identity.
    """
    seen: set[bytes] = set()
    for name, value in headers:
        if name in _SINGLE_HEADERS or name.startswith(b"x-prism-"):
            if name in seen:
                text = name.decode("latin-1")
                msg = f"The header '{text}' is given more than once. Send it once."
                raise InvalidRequest(msg, code="duplicate_header", param=text)
            seen.add(name)
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            msg = "Compressed bodies are not accepted. Send the body without Content-Encoding."
            raise UnsupportedEncoding(msg, param="content-encoding")


def check_host(headers: Headers, allowed: frozenset[str] | None) -> None:
    """Require one well-formed Host that is allowed; None allows every well-formed one.

    Raises:
        InvalidRequest: missing or malformed (400); Forbidden: of another name (403).
    """
    value = next((value for name, value in headers if name == b"host"), None)
    match = _HOST.fullmatch(value) if value is not None else None
    if match is None:
        msg = "The Host header is missing or malformed. Send 'Host: name[:port]'."
        raise InvalidRequest(msg, code="invalid_host", param="host")
    name = match[1].decode().lower()
    if allowed is not None and name not in allowed:
        msg = (
            f"The host '{name}' is not served here. The operator can add it to "
            "server.allowed_hosts."
        )
        raise Forbidden(msg, code="host_not_allowed", param="host")


def check_path(raw_path: bytes) -> None:
    """Refuse paths that could mean another one after decoding.

    An encoded slash is let through in the model segment only: the OpenAI SDK sends it there.

    Raises:
        InvalidRequest: ``invalid_path``.
    """
    bad = _BAD_PATH.search(raw_path) is not None
    if not bad and b"%" in raw_path and _ENCODED_SLASH.search(raw_path):
        bad = not raw_path.startswith(_MODEL_PATH)
    if bad:
        msg = "The path is not in its plain form (no '//', '..', control or doubly encoded bytes)."
        raise InvalidRequest(msg, code="invalid_path")
