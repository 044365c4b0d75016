"""The header lines of an answer: kept as they came, decoded only when somebody asks.

Most answers are passed on without a look at their headers; only what says where the body ends is
needed each time. Invariant: nothing here changes a line, so a value is what the peer has sent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_BYTES = 64 * 1024
MAX_HEADERS = 200
KEEP_IDLE_S = 30.0
TOO_LARGE = f"the head has more than {MAX_HEADERS} headers or {MAX_BYTES} bytes"

Lines = list[tuple[bytes, bytes]]

_FRAMING = frozenset({b"content-encoding", b"content-length", b"keep-alive", b"transfer-encoding"})
_FRAMING_LENGTHS = frozenset(map(len, _FRAMING))
_KEEP_ALIVE_TIMEOUT = re.compile(r"timeout\s*=\s*(\d{1,6})")


class Headers(Mapping[str, str]):
    """Lower-case names; a repeated header is joined with commas."""

    __slots__ = ("_decoded", "_lines")

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._decoded: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        """Return the value of a header by its lower-case name."""
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order of their first line."""
        return iter(self._all())

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._all())

    def _all(self) -> dict[str, str]:
        if self._decoded is None:
            self._decoded = _decode(self._lines)
        return self._decoded


NO_HEADERS = Headers([])


class Framing(NamedTuple):
    """What the header lines say about the body and the connection."""

    has_length: bool = False
    is_chunked: bool = False
    keep_idle_s: float = KEEP_IDLE_S
    """How long the connection may be idle: shorter than the peer says that it keeps it."""
    refusal: str | None = None
    """Why the body cannot be taken."""


_WITH_LENGTH = Framing(has_length=True)
_TO_THE_CLOSE = Framing()


def framing_of(lines: Lines) -> Framing:
    """Find out where the body ends and how long the connection is kept."""
    has_length = False
    found: Lines = []
    for line in lines:
        # The length first: this runs for each header, and it is cheaper than a lower-case copy.
        if len(line[0]) in _FRAMING_LENGTHS:
            name = line[0].lower()
            if name == b"content-length":
                has_length = True
            elif name in _FRAMING:
                found.append(line)
    if found:
        return _framing_of(has_length, *found)
    return _WITH_LENGTH if has_length else _TO_THE_CLOSE


@lru_cache(maxsize=64)
def _framing_of(has_length: bool, *lines: tuple[bytes, bytes]) -> Framing:
    """Judge the lines that matter: a vendor's are always the same, but for the length."""
    headers = _decode(lines)
    return Framing(
        has_length=has_length,
        is_chunked="transfer-encoding" in headers,
        keep_idle_s=_keep_idle_s(headers.get("keep-alive", "")),
        refusal=_refusal(headers),
    )


def _keep_idle_s(keep_alive: str) -> float:
    said = _KEEP_ALIVE_TIMEOUT.search(keep_alive.lower())
    return KEEP_IDLE_S if said is None else min(KEEP_IDLE_S, int(said[1]) - 1.0)


def _refusal(headers: Mapping[str, str]) -> str | None:
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        return f"the answer is compressed ({encoding[:20]}), although that was not asked for"
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        return "the answer has a transfer encoding that was not asked for"
    return None


def size_bytes(lines: Lines) -> int:
    """Return how long header lines are, with their colons and ends."""
    return sum(len(name) + len(value) + 4 for name, value in lines)


def _decode(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
