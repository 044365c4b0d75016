"""The errors of Prism: each one knows its HTTP status, type and code.

How an error looks on the wire (OpenAI, Anthropic, Google, JSON-RPC) is decided by
``dialects/errors.py``; this file must not know any of those shapes.

    PrismError
    ├ InvalidRequest      400 invalid_request_error
    │ ├ NotFound          404 not_found
    │ ├ MethodNotAllowed  405 invalid_request_error
    │ ├ Conflict          409 · PreconditionFailed 412 · Reused 422
    │ ├ RequestTimeout    408 · TooLarge 413
    │ ├ TargetTooLong     414 · UnsupportedEncoding 415
    │ └ HeadTooLarge      431
    ├ Unauthenticated     401 authentication_error
    ├ InsufficientCredits 402 insufficient_credits
    ├ Forbidden           403 permission_error
    ├ LimitReached        429 rate_limit_error
    ├ Unsupported         501 unsupported_operation
    ├ UpstreamError       502 upstream_error (or the vendor's own 4xx, passed on)
    │ ├ UpstreamTimeout   504 gateway_timeout
    │ └ NoTarget          503 all_providers_unavailable
    ├ Overloaded          503 server_error
    └ Internal            500 server_error
    ConfigError, StorageRefused, StorageBroken, AlreadyRunning: they end the process; they never
    reach HTTP.
"""

from collections.abc import Mapping
from typing import ClassVar


class PrismError(Exception):
    """Something the caller must be told, with the status and code that say what it is."""

    status: int = 500
    type: str = "server_error"
    code: str = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """One or two sentences: what happened, why, what to do."""
        if code is not None:
            self.code = code
        self.param = param
        """JSON path of the offending field, or what was refused (model, provider, ip, tool)."""
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        """Further response headers, lower case."""
        self.details = dict(details or {})
        """Further members of the error object, for programs."""


class InvalidRequest(PrismError):
    """The request cannot be understood or is not allowed to look like this."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class NotFound(InvalidRequest):
    """The object or route is not there, or belongs to another owner (the answer is the same)."""

    status = 404
    type = "not_found"
    code = "not_found"


class MethodNotAllowed(InvalidRequest):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"


class Conflict(InvalidRequest):
    """The state of the object does not allow this now."""

    status = 409
    code = "conflict"


class PreconditionFailed(InvalidRequest):
    """``If-Match`` names a version that is no longer the current one."""

    status = 412
    code = "version_mismatch"


class Reused(InvalidRequest):
    """An ``Idempotency-Key`` that already stands for another request."""

    status = 422
    code = "idempotency_key_reused"


class RequestTimeout(InvalidRequest):
    """The client sends its request too slowly; the connection is closed."""

    status = 408
    code = "request_timeout"


class TargetTooLong(InvalidRequest):
    """The request line is over its limit; the connection is closed."""

    status = 414
    code = "request_line_too_long"


class HeadTooLarge(InvalidRequest):
    """The request line and headers are over their limit; the connection is closed."""

    status = 431
    code = "headers_too_large"


class TooLarge(InvalidRequest):
    """The body or a part of it is over its limit."""

    status = 413
    code = "request_too_large"


class UnsupportedEncoding(InvalidRequest):
    """The body is compressed; Prism never inflates what a stranger sends."""

    status = 415
    code = "unsupported_encoding"


class Unauthenticated(PrismError):
    """No credential, or none that is valid. Unknown, revoked and expired look the same."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class InsufficientCredits(PrismError):
    """The prepaid credits of the key do not suffice for what the call may cost."""

    status = 402
    type = "insufficient_credits"
    code = "insufficient_credits"


class Forbidden(PrismError):
    """The caller is known but may not do this; ``param`` says which rule refused it."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class LimitReached(PrismError):
    """A rate, token or concurrency limit is used up; ``retry_after_s`` is always set."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class Unsupported(PrismError):
    """Nobody behind the gateway can do this operation for this model."""

    status = 501
    type = "unsupported_operation"
    code = "unsupported_operation"


class UpstreamError(PrismError):
    """The vendor failed or refused; ``status`` may be the vendor's own 4xx."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        upstream_status: int | None = None,
        status: int | None = None,
        type_: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after_s=retry_after_s)
        self.provider = provider
        self.upstream_status = upstream_status
        """The status the vendor answered with; None when there was no answer."""
        if status is not None:
            self.status = status
        if type_ is not None:
            self.type = type_


class UpstreamTimeout(UpstreamError):
    """The vendor did not answer within the deadline."""

    status = 504
    type = "gateway_timeout"
    code = "gateway_timeout"


class NoTarget(UpstreamError):
    """Every provider that could serve the model is unavailable."""

    status = 503
    code = "all_providers_unavailable"


class Overloaded(PrismError):
    """The gateway itself has no room or is stopping; try again."""

    status = 503
    code = "overloaded"


class Internal(PrismError):
    """A fault of ours: the caller gets the request id, the log gets the detail."""


class ConfigError(Exception):
    """The configuration cannot be put in force.

    ``problems`` holds one line per fault, ``file:line:col what was expected``.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StorageRefused(Exception):
    """The data directory or a database in it cannot be used; nothing in it was changed."""

    exit_code: ClassVar[int] = 3


class StorageBroken(Exception):
    """The disk failed while the daemon ran; only a new process may trust what is on it."""

    exit_code: ClassVar[int] = 3


class AlreadyRunning(Exception):
    """Another daemon holds this data directory."""

    exit_code: ClassVar[int] = 4
