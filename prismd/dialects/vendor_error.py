"""A vendor's error → ours. Lenient in what is read, strict in what is passed on.

OpenAI's shape is ``{"error": {"message", "type", "param", "code"}}``; other vendors of the same API
answer with a list of it, with FastAPI's ``detail``, with plain text or with a proxy's HTML page.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from prismd.kernel import clock, jsonio
from prismd.kernel.errors import UpstreamError

MAX_MESSAGE_CHARS = 2_000
"""How much of a vendor's error text is passed on."""

MAX_PLAIN_CHARS = 300
"""A body that is no JSON is taken for a message up to this length."""

MAX_PARAM_CHARS = 128

MAX_RETRY_AFTER_S = 86_400.0

_MAX_DEPTH = 5
_MAX_DETAILS = 5
_STATUS = re.compile("[45][0-9]{2}")
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)

_PASSED_STATUSES = {
    400: "invalid_request_error",
    404: "not_found",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
"""Vendor statuses that are about the caller's request; the type is for vendors that give none."""


_REFUSED = (401, 403)
_OWN_CREDENTIAL = frozenset({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED"})
"""Google's reasons that are about the gateway's key, whatever the status is (mostly 400)."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a vendor says of its error; nothing in it is longer than may be passed on."""

    message: str
    type: str | None = None
    param: str | None = None
    code: str | None = None
    """A word, or a number that is no status."""
    status: int | None = None
    """That of HTTP, where it stands in place of a code (Google, OpenRouter)."""
    reason: str | None = None
    """Google's word for what is behind its status."""


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str
) -> UpstreamError:
    """Turn a vendor's error answer into ours (conventions §3.4)."""
    told = _read(body)
    if status in _REFUSED or told.reason in _OWN_CREDENTIAL:
        msg = (
            f"Provider '{provider}' refused the gateway's own credential (status {status}). "
            "Your key is not at fault: the operator has to check the provider's api_key."
        )
        return UpstreamError(
            msg,
            provider=provider,
            # Failover and health look at this: a 400 would be the caller's fault.
            upstream_status=status if status in _REFUSED else _REFUSED[0],
            code="provider_auth_failed",
        )
    retry_after_s = parse_retry_after(headers.get("retry-after"))
    if status in _PASSED_STATUSES:
        return UpstreamError(
            told.message or f"Provider '{provider}' refused the request with status {status}.",
            provider=provider,
            upstream_status=status,
            status=status,
            type_=told.type or _PASSED_STATUSES[status],
            code=told.code or f"provider_{status}",
            param=told.param,
            retry_after_s=retry_after_s,
        )
    detail = f": {told.message}" if told.message else "."
    return UpstreamError(
        f"Provider '{provider}' failed with status {status}{detail}",
        provider=provider,
        upstream_status=status,
        code=f"provider_{status}",
        retry_after_s=retry_after_s,
    )


def read_embedded_error(body: bytes, *, provider: str) -> UpstreamError:
    """Turn an error that came under status 200 into ours; a code that is a status counts as one."""
    told = _read(body)
    if told.status is not None:
        return read_error(told.status, {}, body, provider=provider)
    detail = f": {told.message}" if told.message else "."
    return UpstreamError(
        f"Provider '{provider}' answered with an error{detail}",
        provider=provider,
        upstream_status=200,
        code=told.code,
    )


def parse_retry_after(value: str | None) -> float | None:
    """Read ``Retry-After`` (RFC 9110 §10.2.3: seconds or a date) as seconds from now."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - clock.wall_s()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER_S)


def _read(body: bytes) -> _Told:
    try:
        said: object = jsonio.decode(body)
    except ValueError:
        return _Told(_plain(body))
    text = _text(said)[:MAX_MESSAGE_CHARS]
    if isinstance(said, list):
        said = said[0] if said else None
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        said = said["error"]
    if not isinstance(said, dict):
        return _Told(text)
    code, status = _name(said.get("code")), None
    if code is not None and _STATUS.fullmatch(code):
        status, word = int(code), _name(said.get("status"))
        code = word and word.lower()
    return _Told(
        text,
        _name(said.get("type")),
        _param(said.get("param")),
        code,
        status,
        _reason(said.get("details")),
    )


def _reason(details: object) -> str | None:
    """Return the reason of Google's ``ErrorInfo``, the first that is there."""
    named = details[:_MAX_DETAILS] if isinstance(details, list) else ()
    reasons = (_name(one.get("reason")) for one in named if isinstance(one, dict))
    return next((reason for reason in reasons if reason), None)


def _text(said: object, depth: int = _MAX_DEPTH) -> str:
    """Return the message, wherever it is; of several details the first few."""
    if not depth:
        return ""
    match said:
        case str():
            return said.strip()
        case [*details]:
            texts = (_text(detail, depth - 1) for detail in details[:_MAX_DETAILS])
            return "; ".join(text for text in texts if text)
        case {"loc": [*path], "msg": str(problem)}:
            return f"{'.'.join(map(str, path))}: {problem}"
        case dict():
            inner = (_text(said.get(key), depth - 1) for key in ("error", "message", "detail"))
            return next((text for text in inner if text), "")
        case _:
            return ""


def _plain(body: bytes) -> str:
    """Return a body that is no JSON if it is a short text; a page of HTML is not quoted."""
    text = " ".join(body[: 4 * MAX_PLAIN_CHARS + 4].decode("utf-8", "replace").split())
    is_short = len(text) <= MAX_PLAIN_CHARS and text.isprintable()
    return text if is_short and "<" not in text and "\ufffd" not in text else ""


def _name(value: object) -> str | None:
    text = str(value) if isinstance(value, str | int) else ""
    return text if _NAME.fullmatch(text) else None


def _param(value: object) -> str | None:
    text = value if isinstance(value, str) else ""
    return "".join(filter(str.isprintable, text))[:MAX_PARAM_CHARS] or None
