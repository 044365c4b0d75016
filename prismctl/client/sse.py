"""Server-sent events, sans I/O: bytes split anywhere in, events out (WHATWG HTML §9.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 8 * 1024 * 1024


class SseOverflow(Exception):
    """A line is longer than ``MAX_LINE_BYTES``: this is not an event stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``id`` is what to resume after."""

    data: str
    event: str = "message"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that says nothing but that the other side is there."""

    text: str


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Read events until the stream ends; an unfinished last one is dropped, as the spec says.

    Raises:
        SseOverflow: a line does not end.
    """
    return (item for item in items(chunks) if isinstance(item, Event))


def items(chunks: Iterable[bytes]) -> Iterator[Event | Comment]:
    """Read events and the comments between them, as ``events`` does."""
    data: list[str] = []
    name, event_id = "", None
    for line in _lines(chunks):
        if not line:
            if data:
                yield Event("\n".join(data), name or "message", event_id)
            data, name = [], ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not field:
            yield Comment(value)
        elif field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id":
            event_id = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        # A CR at the very end may be half of a CRLF: it waits for the next chunk.
        held = b"\r" if buffer.endswith(b"\r") else b""
        ready = buffer.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = ready.split(b"\n")
        buffer = rest + held
        yield from (line.decode("utf-8", "replace") for line in lines)
        if len(buffer) > MAX_LINE_BYTES:
            raise SseOverflow
    if buffer.endswith(b"\r"):
        yield buffer[:-1].decode("utf-8", "replace")
