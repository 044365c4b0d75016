"""Server-sent events, sans I/O: an incremental decoder and an encoder (WHATWG HTML §9.2).

The decoder keeps the exact bytes of each event, so that a relay can pass them on untouched.
"""

from collections.abc import Iterator
from dataclasses import dataclass

DONE = b"[DONE]"
MAX_EVENT_BYTES = 8 * 1024 * 1024


class SseOverflow(Exception):
    """One event is larger than ``MAX_EVENT_BYTES``."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: its bytes as they came (with the blank line), and what they say."""

    raw: bytes
    data: bytes | None
    """The ``data`` lines joined by newlines; None for a comment-only block."""
    event: str | None = None
    id: str | None = None


class SseDecoder:
    """Cut a byte stream, split anywhere, into events. One decoder per stream."""

    __slots__ = ("_buffer", "_scanned")

    def __init__(self) -> None:
        self._buffer = b""
        self._scanned = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Take the next bytes and yield the events that they complete.

        Raises:
            SseOverflow: the unfinished event is over the limit.
        """
        buffer = self._buffer + chunk if self._buffer else chunk
        start = 0
        while (end := _block_end(buffer, max(start, self._scanned - start))) >= 0:
            yield _parse(buffer[start:end])
            start = end
            self._scanned = 0
        self._buffer = buffer[start:]
        # A terminator is at most four bytes (CRLF CRLF): look again only at the last three.
        self._scanned = max(0, len(self._buffer) - 3)
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise SseOverflow

    @property
    def pending(self) -> bytes:
        """Bytes of an event that has not ended yet."""
        return self._buffer


def _block_end(buffer: bytes, start: int) -> int:
    """Return the index just after the first blank line, or -1."""
    ends = [
        found + len(mark)
        for mark in (b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\r")
        if (found := buffer.find(mark, start)) >= 0
    ]
    return min(ends) if ends else -1


def _parse(raw: bytes) -> SseEvent:
    data: list[bytes] = []
    event = event_id = None
    for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
        elif name == b"id":
            event_id = value.decode("utf-8", "replace")
    return SseEvent(raw, b"\n".join(data) if data else None, event, event_id)


def encode(data: bytes, *, event: str | None = None, event_id: str | None = None) -> bytes:
    """Write one event; ``data`` must not hold a newline (JSON never does)."""
    head = b""
    if event_id is not None:
        head += b"id: " + event_id.encode() + b"\n"
    if event is not None:
        head += b"event: " + event.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


def comment(text: bytes = b"") -> bytes:
    """Write a comment block: keeps a connection alive, means nothing."""
    return b": " + text + b"\n\n"
