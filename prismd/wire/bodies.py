"""What was asked and answered in a call, word for word. Kept only where the operator has it so."""

import msgspec

MAX_BODY_BYTES = 256 * 1024
"""How much of a request, and of a whole answer, is kept."""
MAX_STREAM_CHARS = MAX_BODY_BYTES // 2
"""How much of what a stream says is kept; some characters are several bytes."""


class Bodies(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its client sent it, and the answer."""

    request: bytes
    is_request_cut: bool = False
    """Whether it was longer than what is kept."""
    response: bytes | None
    """A whole answer, or what a stream said, put together as one; None when there was none."""
    is_response_cut: bool = False

    @classmethod
    def cut(cls, request: bytes, response: bytes | None) -> "Bodies":
        """Return as much of a request and its whole answer as is kept."""
        return cls(
            request=request[:MAX_BODY_BYTES],
            is_request_cut=len(request) > MAX_BODY_BYTES,
            response=response and response[:MAX_BODY_BYTES],
            is_response_cut=len(response or b"") > MAX_BODY_BYTES,
        )

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        return len(self.request) + len(self.response or b"")
