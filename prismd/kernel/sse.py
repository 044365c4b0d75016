"""Server-sent events, sans I/O: an incremental decoder and an encoder (WHATWG HTML §9.2).

The decoder keeps the exact bytes of each event, so that a relay can pass them on untouched.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream; charset=utf-8"
DONE = b"[DONE]"
MAX_EVENT_BYTES = 8 * 1024 * 1024

_BLANK_LINE_OF_LF = re.compile(rb"\n\n")
_BLANK_LINE = re.compile(rb"\n\n|\r\r\n?|\n\r(?:\n|(?=[^\n]))")
"""Two line ends in a row, of LF, CR and CRLF. After LF a CR is one only when the next byte is here:
it may be the half of a CRLF."""


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

    __slots__ = ("_blank_line", "_buffer", "_scanned")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._blank_line = _BLANK_LINE_OF_LF  # many times faster, and nearly all that is met

    @property
    def is_within_line(self) -> bool:
        """Whether the bytes so far end in the middle of a line."""
        return bool(self._buffer) and not self._buffer.endswith((b"\n", b"\r"))

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Take the next bytes and yield the events that they complete.

        Raises:
            SseOverflow: the unfinished event is over the limit.
        """
        buffer = self._buffer
        buffer += chunk
        if b"\r" in chunk:
            self._blank_line = _BLANK_LINE
        start, look_from = 0, self._scanned
        while found := self._blank_line.search(buffer, look_from):
            end = look_from = found.end()
            yield _parse(bytes(buffer[start:end]))
            start = end
        del buffer[:start]
        # The last two bytes may be the beginning of a blank line: they are looked at again.
        self._scanned = max(0, len(buffer) - 2)
        if len(buffer) > MAX_EVENT_BYTES:
            raise SseOverflow


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
