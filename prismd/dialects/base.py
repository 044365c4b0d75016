"""What a dialect hands to a sender, and what it reads out of a vendor's answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from prismd.wire.common import Usage


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to a vendor, relative to its base URL; credentials are added by the sender."""

    method: str
    path: str
    """Below the base URL, with a leading slash: ``/chat/completions``."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Allow-listed headers only, lower case."""


class StreamDecoder(Protocol):
    """Follows one vendor stream: what to relay, how much was used, whether it ended properly."""

    usage: Usage | None
    is_done: bool
    """The vendor has said that the stream is over (``[DONE]``)."""
    output_chars: int
    """Characters generated so far."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes; yield the events to pass on, without the end marker."""
        ...

    def end(self) -> Iterator[bytes]:
        """Take the end of the bytes; yield what is left, and raise if the answer is not whole."""
        ...
