"""Two spellings of our headers: ``x-prism-*``, and the later ``x-agentcc-*`` of some clients.

Below the front only ``x-prism-*`` exists. An answer repeats the later spelling only to a caller
that used it.
"""

from collections.abc import Mapping

RawHeaders = list[tuple[bytes, bytes]]

_OURS = b"x-prism-"
_LATER = b"x-agentcc-"


def uses_later(head: Mapping[bytes, bytes]) -> bool:
    """Say whether a request uses the later spelling; ``head`` are its headers by name."""
    return _LATER in b"".join(head) and any(name.startswith(_LATER) for name in head)


def to_ours(headers: RawHeaders) -> RawHeaders:
    """Return a request's headers in our spelling."""
    return [
        (_OURS + name.removeprefix(_LATER), value) if name.startswith(_LATER) else (name, value)
        for name, value in headers
    ]


def with_later(headers: RawHeaders) -> RawHeaders:
    """Return a response's headers with ours repeated in the later spelling."""
    return headers + [
        (_LATER + name.removeprefix(_OURS), value)
        for name, value in headers
        if name.startswith(_OURS)
    ]
