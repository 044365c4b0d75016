"""AWS event streams (``application/vnd.amazon.eventstream``), sans I/O: messages with checksums.

A message is a prelude (length of all, length of the headers, CRC of both), headers, a payload, and
a CRC of everything before it.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

import msgspec

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
MEDIA_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_HEAD_BYTES = _PRELUDE.size + _CRC.size
_LEAST_BYTES = _HEAD_BYTES + _CRC.size
_STRING = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Type of a header's value → its bytes; bytes (6) and strings (7) say it themselves."""


class Broken(Exception):
    """The bytes are no event stream."""


class Message(msgspec.Struct, frozen=True):
    """One message: its bytes as they came, and what they say."""

    raw: bytes
    headers: Mapping[str, str]
    """Those that are text."""
    payload: bytes


class MessageDecoder:
    """Cut a byte stream, split anywhere, into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether the last message was whole."""
        return not self._buffer

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Take the next bytes and yield the messages that they complete.

        Raises:
            Broken: a checksum or a length is wrong.
        """
        self._buffer += chunk
        while len(self._buffer) >= _HEAD_BYTES:
            total, head = _PRELUDE.unpack_from(self._buffer)
            (crc,) = _CRC.unpack_from(self._buffer, _PRELUDE.size)
            if crc != zlib.crc32(self._buffer[: _PRELUDE.size]):
                raise Broken
            if not _LEAST_BYTES + head <= total <= MAX_MESSAGE_BYTES:
                raise Broken
            if len(self._buffer) < total:
                return
            raw = bytes(self._buffer[:total])
            del self._buffer[:total]
            yield _read(raw, head)


def _read(raw: bytes, head: int) -> Message:
    (crc,) = _CRC.unpack_from(raw, len(raw) - _CRC.size)
    if crc != zlib.crc32(raw[: -_CRC.size]):
        raise Broken
    headers = _headers(raw[_HEAD_BYTES : _HEAD_BYTES + head])
    return Message(raw, headers, raw[_HEAD_BYTES + head : -_CRC.size])


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            size = data[at]
            name = data[at + 1 : at + 1 + size].decode()
            at += 1 + size
            kind = data[at]
            at += 1
            if kind in _SIZES:
                at += _SIZES[kind]
                continue
            (length,) = struct.unpack_from(">H", data, at)
            at += 2
            if kind == _STRING:
                found[name] = data[at : at + length].decode()
            at += length
    except (IndexError, struct.error, UnicodeDecodeError):
        raise Broken from None
    if at != len(data):
        raise Broken
    return found


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Write one message; its headers are text."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(_LEAST_BYTES + len(head) + len(payload), len(head))
    body = prelude + _CRC.pack(zlib.crc32(prelude)) + head + payload
    return body + _CRC.pack(zlib.crc32(body))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return bytes((len(name),)) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text


def event(kind: str, payload: bytes) -> bytes:
    """Write an event of the stream."""
    headers = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return encode(headers, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """Write an exception, which ends the stream."""
    headers = {
        ":exception-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return encode(headers, payload)
