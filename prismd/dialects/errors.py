"""How an error looks to a client: one renderer, one body per dialect.

What the error says is the same everywhere: a vendor's own members first, so that its SDK raises
what its users catch, then our ``code``, ``param`` and details where that shape has room for more.
"""

from collections.abc import Mapping

from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import encode
from prismd.wire.call import DialectName

_JSON = "application/json"
_FAULT = 500
_DETAIL = "type.googleapis.com/google.rpc."

_ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_GOOGLE_STATUSES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_BEDROCK_TYPES: Mapping[int, str] = {
    401: "UnrecognizedClientException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    429: "ThrottlingException",
    502: "ModelErrorException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}


def error_body(
    error: PrismError,
    dialect: DialectName = DialectName.OPENAI,
    *,
    request_id: str | None = None,
) -> bytes:
    """Return the JSON body of an error in the caller's dialect.

    Args:
        error: What went wrong.
        dialect: The shape that the caller reads.
        request_id: The id of the request, for the shapes that name it in the body.
    """
    return jsonio.encode(_shape(error, dialect, request_id))


def error_headers(
    error: PrismError,
    dialect: DialectName = DialectName.OPENAI,
    *,
    request_id: str | None = None,
) -> dict[str, str]:
    """Return the response headers that belong to an error."""
    headers = {"content-type": _JSON, **error.headers}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(_whole_seconds(error.retry_after_s))
    if dialect is DialectName.ANTHROPIC and request_id is not None:
        headers["request-id"] = request_id
    elif dialect is DialectName.BEDROCK:
        headers["x-amzn-errortype"] = bedrock_type(error)
    return headers


def error_event(
    error: PrismError,
    dialect: DialectName = DialectName.OPENAI,
    *,
    request_id: str | None = None,
) -> bytes:
    """Return the server-sent event that ends a stream which has already begun.

    Streams of another form put ``error_body`` into it: an element of Google's array, and a frame of
    Bedrock's named by ``bedrock_type``.
    """
    if dialect is DialectName.COHERE:
        delta = {"finish_reason": "ERROR", "error": error.message}
        end = {"type": "message-end", "id": request_id, "delta": delta}
        return encode(jsonio.encode(end), event="message-end")
    body = error_body(error, dialect, request_id=request_id)
    return encode(body, event="error" if dialect is DialectName.ANTHROPIC else None)


def bedrock_type(error: PrismError) -> str:
    """Return the name of AWS's exception that an error is."""
    return _by_status(error, _BEDROCK_TYPES, "ValidationException", "InternalServerException")


def _shape(error: PrismError, dialect: DialectName, request_id: str | None) -> dict[str, object]:
    match dialect:
        case DialectName.ANTHROPIC:
            return _anthropic(error, request_id)
        case DialectName.GOOGLE:
            return _google(error)
        case DialectName.BEDROCK:
            return {"message": error.message, **_more(error)}
        case DialectName.COHERE:
            named = {} if request_id is None else {"id": request_id}
            return {**named, "message": error.message, **_more(error)}
        case DialectName.OPENAI | DialectName.COMPLETIONS:
            return {"error": {"message": error.message, "type": error.type, **_more(error)}}


def _more(error: PrismError) -> dict[str, object]:
    return {"param": error.param, "code": error.code, **error.details}


def _anthropic(error: PrismError, request_id: str | None) -> dict[str, object]:
    kind = _by_status(error, _ANTHROPIC_TYPES, "invalid_request_error", "api_error")
    inner = {"type": kind, "message": error.message, **_more(error)}
    return {"type": "error", "error": inner, "request_id": request_id}


def _google(error: PrismError) -> dict[str, object]:
    info: dict[str, object] = {
        "@type": _DETAIL + "ErrorInfo",
        "reason": error.code.upper(),
        "domain": "prism",
    }
    told = {"param": error.param, **error.details}
    if metadata := {name: _as_text(value) for name, value in told.items() if value is not None}:
        info["metadata"] = metadata
    details = [info]
    if error.retry_after_s is not None:
        delay = f"{_whole_seconds(error.retry_after_s)}s"
        details.append({"@type": _DETAIL + "RetryInfo", "retryDelay": delay})
    status = _by_status(error, _GOOGLE_STATUSES, "INVALID_ARGUMENT", "INTERNAL")
    return {
        "error": {
            "code": error.status,
            "message": error.message,
            "status": status,
            "details": details,
        }
    }


def _by_status(error: PrismError, known: Mapping[int, str], refused: str, failed: str) -> str:
    """Return the word for an error: by its status, else by whose fault it is."""
    return known.get(error.status, refused if error.status < _FAULT else failed)


def _as_text(value: object) -> str:
    """Write a detail where only text may stand."""
    return value if isinstance(value, str) else jsonio.encode(value).decode()


def _whole_seconds(wait_s: float) -> int:
    return max(1, -int(-wait_s // 1))
