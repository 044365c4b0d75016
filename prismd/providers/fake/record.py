"""What the fake has served: one entry per request, so that others can compare it with their books.

Invariant: an entry is written once, when its reply has ended, and is with the operating system
before the next thing happens (a crash of either side loses none that was written).
"""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec

from prismd.kernel import clock, jsonio
from prismd.providers.fake.script import Ending, Frame, Reply
from prismd.wire.common import Usage


class Outcome(StrEnum):
    """How a reply ended."""

    FINISHED = "finished"
    CUT = "cut"
    """By a fault that was asked for, or because the fake was stopped."""
    CLIENT_GONE = "client_gone"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One served request: one line of the record."""

    ts_s: float
    """When the reply ended."""
    request_id: str | None
    """The ``x-request-id`` of the request."""
    model: str | None
    """None when the request was refused before its model was known."""
    stream: bool
    status: int
    bytes_sent: int
    """Of the body."""
    usage: Usage | None
    """What the whole answer would claim; None for an error."""
    output_tokens_sent: int
    """What really left; less than in ``usage`` when the reply was broken off."""
    outcome: Outcome


Sink = Callable[[Entry], None]


class JsonlFile:
    """A sink that appends lines of JSON to a file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, entry: Entry) -> None:
        """Append one line with one write, unbuffered."""
        os.write(self._fd, jsonio.encode(entry) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Serving:
    """One reply on its way out: counts what left and writes one entry at the end."""

    def __init__(self, reply: Reply, *, request_id: str | None, sink: Sink | None) -> None:
        self._reply = reply
        self._request_id = request_id
        self._sink = sink
        self._frames_sent = 0
        self._bytes_sent = 0
        self._tokens_sent = 0
        self._has_ended = False

    def sent(self, frame: Frame) -> None:
        """Count a frame that has left."""
        self._frames_sent += 1
        self._bytes_sent += len(frame.data)
        self._tokens_sent += frame.tokens

    def end(self, outcome: Outcome) -> None:
        """Write the entry, once; a reply that was delivered whole is always ``finished``."""
        if self._has_ended:
            return
        self._has_ended = True
        is_whole = self._frames_sent == len(self._reply.frames)
        if is_whole and self._reply.ending is Ending.FINISHED:
            outcome = Outcome.FINISHED
        if self._sink is not None:
            self._sink(
                Entry(
                    ts_s=clock.wall_s(),
                    request_id=self._request_id,
                    model=self._reply.model,
                    stream=self._reply.is_stream,
                    status=self._reply.status,
                    bytes_sent=self._bytes_sent,
                    usage=self._reply.usage,
                    output_tokens_sent=self._tokens_sent,
                    outcome=outcome,
                )
            )
