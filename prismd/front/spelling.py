"""Two spellings of our headers: ``x-prism-*``, and the later ``x-agentcc-*`` of some clients.

Below the front only ``x-prism-*`` exists. An answer repeats the later spelling only to a caller
that used it.
"""

from collections.abc import Mapping

RawHeaders = list[tuple[bytes, bytes]]

_OURS = b"x-prism-"
_LATER = b"x-agentcc-"


def used_in(head: Mapping[bytes, bytes], names: bytes) -> tuple[bool, bool]:
    """Say whether a request uses our spelling, and the later one.

    ``head`` are its headers by name, and ``names`` all their names as one text: most requests have
    neither, and are not looked through one by one. A name that only holds one counts as ours.
    """
    is_later = _LATER in names and any(name.startswith(_LATER) for name in head)
    return _OURS in names, is_later


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
