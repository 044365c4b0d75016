"""How an error looks to a client: one renderer, one body per dialect."""

from prismd.kernel import jsonio
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import encode
from prismd.wire.call import DialectName


def error_body(error: PrismError, dialect: DialectName = DialectName.OPENAI) -> bytes:
    """Return the JSON body of an error in the caller's dialect."""
    match dialect:
        case _:
            return jsonio.encode(
                {
                    "error": {
                        "message": error.message,
                        "type": error.type,
                        "param": error.param,
                        "code": error.code,
                        **error.details,
                    }
                }
            )


def error_headers(error: PrismError) -> dict[str, str]:
    """Return the response headers that belong to an error."""
    headers = {"content-type": "application/json", **error.headers}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, -int(-error.retry_after_s // 1)))
    return headers


def error_event(error: PrismError, dialect: DialectName = DialectName.OPENAI) -> bytes:
    """Return the event that ends a stream which has already begun."""
    return encode(error_body(error, dialect))
