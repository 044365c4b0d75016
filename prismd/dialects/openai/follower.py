"""OpenAI's chat stream, sans I/O: relay each event as it came, and read what must be known of it.

Invariant: what is relayed are the vendor's own bytes, event by event. When the client did not ask
for usage, two things that asking for it adds are taken out again: the usage chunk, ``usage: null``.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from prismd.dialects.base import About
from prismd.dialects.errors import error_event
from prismd.dialects.following import with_cost
from prismd.dialects.gather import Gathering
from prismd.dialects.openai.answer import write_answer
from prismd.dialects.openai.decoder import OpenAIDecoder
from prismd.dialects.openai.usage import ABSENT, is_null, usage_of
from prismd.dialects.source import SseSource
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel.errors import PrismError, UpstreamError
from prismd.kernel.sse import DONE, MEDIA_TYPE, SseEvent, encode
from prismd.wire.call import DialectName
from prismd.wire.common import Usage

NULL_USAGE = b',"usage":null'


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: msgspec.Raw = ABSENT


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class Kept:
    """What has been relayed, put together; a chunk of another shape is passed over."""

    def __init__(self, provider: str, max_chars: int) -> None:
        self.gathering = Gathering(max_chars=max_chars)
        self._decoder = OpenAIDecoder(provider=provider)

    def add(self, event: SseEvent) -> None:
        """Take the next event."""
        with suppress(UpstreamError):
            for told in self._decoder.read(event):
                self.gathering.add(told)


class OpenAIStream:
    """Follow one vendor stream (the port ``Follower``). ``provider`` is only for messages."""

    media_type = MEDIA_TYPE

    __slots__ = (
        "_about",
        "_hides_usage",
        "_is_finished",
        "_kept",
        "_source",
        "annotate",
        "is_done",
        "output_chars",
        "output_deltas",
        "usage",
    )

    def __init__(self, about: About, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.is_done = False
        self.output_chars = 0
        """Characters generated so far, for an estimate when the vendor gives no usage."""
        self.output_deltas = 0
        """Pieces that they came in: a vendor sends a token or more at a time."""
        self.annotate: Callable[[Usage], bytes] | None = None
        """Returns a JSON object to put into the usage chunk as its member ``prism``."""
        self._about = about
        self._hides_usage = not about.wants_usage
        self._is_finished: dict[int | None, bool] = {}
        """Choice → whether its finish_reason has come."""
        self._kept: Kept | None = None
        self._source = SseSource(provider=provider)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield the events to relay, without the ``[DONE]``.

        Raises:
            UpstreamError: an event is not JSON, is an error, or is too large.
        """
        return self._relayed(self._source.frames(chunk))

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; yield the last event if only its end is missing.

        Some vendors leave out the ``[DONE]``, or the blank line after it.

        Raises:
            UpstreamError: the answer is not complete; or as ``feed``.
        """
        try:
            yield from self._relayed(self._source.rest())
        except UpstreamError as error:
            raise self._source.at_end(error) from None
        has_finished = bool(self._is_finished) and all(self._is_finished.values())
        if not self.is_done and not has_finished:
            raise self._source.closed_early()
        self.is_done = True

    def last(self) -> bytes:
        """Return the end marker."""
        return encode(DONE)

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, DialectName.OPENAI)

    def keep(self, *, max_chars: int) -> None:
        """Put what comes together, for ``answer``."""
        self._kept = Kept(self._source.provider, max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.gathering.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as one chat completion."""
        gathering = Gathering() if self._kept is None else self._kept.gathering
        return write_answer(gathering.answer(), self._about)

    def _relayed(self, events: Iterator[SseEvent]) -> Iterator[bytes]:
        for event in events:
            if self._kept is not None:
                self._kept.add(event)
            if out := self._relay(event):
                yield out

    def _relay(self, event: SseEvent) -> bytes:
        if not event.data or self.is_done:
            is_comment = event.data is None and not self.is_done
            return event.raw if is_comment else b""
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
            raise self._source.broken("sent an event that is no JSON chunk") from None
        if not is_null(seen.error) and not seen.choices:
            raise read_embedded_error(event.data, provider=self._source.provider)
        for choice in seen.choices or ():
            has_finished = self._is_finished.get(choice.index, False)
            self._is_finished[choice.index] = has_finished or not is_null(choice.finish_reason)
            if choice.delta is not None:
                self._count(choice.delta)
        if not is_null(seen.usage):
            self.usage = usage_of(seen.usage)
            if not seen.choices:
                return b"" if self._hides_usage else self._annotated(event)
        return event.raw.replace(NULL_USAGE, b"") if self._hides_usage else event.raw

    def _annotated(self, event: SseEvent) -> bytes:
        if self.annotate is None or self.usage is None:
            return event.raw
        return encode(with_cost(event.data or b"", self.annotate(self.usage)))

    def _count(self, delta: _Delta) -> None:
        chars = len(delta.content or "") + len(delta.reasoning_content or "")
        for call in delta.tool_calls or ():
            chars += len(bytes(call))
        if chars:
            self.output_chars += chars
            self.output_deltas += 1
