"""What a dialect hands to a sender."""

import msgspec


class HttpCall(msgspec.Struct, frozen=True):
    """A request to a vendor, relative to its base URL; credentials are added by the sender."""

    method: str
    path: str
    """Below the base URL, with a leading slash: ``/chat/completions``."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Allow-listed headers only, lower case."""
