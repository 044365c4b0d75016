"""OpenAI's chat stream, sans I/O: relay each event as it came, and read what must be known of it.

Invariant: what is relayed are the vendor's own bytes, event by event. When the client did not ask
for usage, two things that asking for it adds are taken out again: the usage chunk, ``usage: null``.
"""

import msgspec

from prismd.dialects.openai import ABSENT, is_null, usage_of
from prismd.kernel.errors import UpstreamError
from prismd.kernel.sse import DONE, SseDecoder, SseEvent, SseOverflow
from prismd.wire.common import Usage

_NULL_USAGE = b',"usage":null'


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class OpenAIStream:
    """Follow one vendor stream. ``provider`` is only for messages."""

    __slots__ = ("_hides_usage", "_provider", "_sse", "is_done", "output_chars", "usage")

    def __init__(self, *, provider: str, wants_usage: bool) -> None:
        self.usage: Usage | None = None
        self.is_done = False
        self.output_chars = 0
        """Characters generated so far, for an estimate when the vendor gives no usage."""
        self._hides_usage = not wants_usage
        self._provider = provider
        self._sse = SseDecoder()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the vendor's next bytes; return the events to relay, without the ``[DONE]``.

        Raises:
            UpstreamError: an event is not JSON, is an error, or is too large.
        """
        try:
            return [out for event in self._sse.feed(chunk) if (out := self._relay(event))]
        except SseOverflow:
            raise self._broken("sent an event that is too large") from None

    def _relay(self, event: SseEvent) -> bytes:
        if event.data is None or self.is_done:
            return b""
        if event.data == DONE:
            self.is_done = True
            return b""
        try:
            seen = _decode_chunk(event.data)
        except msgspec.ValidationError:
            # JSON of a shape that is not known here: the client may know it.
            self.output_chars += len(event.data)
            return event.raw
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self._broken("sent an event that is no JSON chunk") from None
        if not is_null(seen.error) and not seen.choices:
            raise self._broken("reported an error in the stream")
        for choice in seen.choices or ():
            if choice.delta is not None:
                self._count(choice.delta)
        if not is_null(seen.usage):
            self.usage = usage_of(seen.usage)
            if self._hides_usage and not seen.choices:
                return b""
        return event.raw.replace(_NULL_USAGE, b"") if self._hides_usage else event.raw

    def _count(self, delta: _Delta) -> None:
        self.output_chars += len(delta.content or "") + len(delta.reasoning_content or "")
        for call in delta.tool_calls or ():
            self.output_chars += len(bytes(call))

    def _broken(self, what: str) -> UpstreamError:
        return UpstreamError(
            f"Provider '{self._provider}' {what}; the answer is cut here.",
            provider=self._provider,
            code="invalid_upstream_response",
        )
