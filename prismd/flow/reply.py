"""What the corridor gives back to the room: a body, or a stream that has already begun."""

from dataclasses import dataclass

from prismd.flow.stream import Relay


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer. Exactly one of ``body`` and ``stream`` is set.

    A ``stream`` must be closed (``aclose``) in every case: closing it settles the call.
    """

    headers: dict[str, str]
    body: bytes | None = None
    stream: Relay | None = None
