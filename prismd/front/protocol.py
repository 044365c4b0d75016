"""uvicorn's httptools protocol with our answer to bytes that are no HTTP request."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prismd.dialects.errors import error_body
from prismd.kernel.errors import InvalidRequest
from prismd.kernel.ids import new_id


class PrismHttpProtocol(HttpToolsProtocol):
    """The strictest of the Python parsers; what it refuses is answered like any other error."""

    def send_400_response(self, msg: str) -> None:
        """Answer 400 in the error shape, and close."""
        error = InvalidRequest(f"This is no valid HTTP/1.1 request. {msg}", code="invalid_http")
        body = error_body(error)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {new_id('req')}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
