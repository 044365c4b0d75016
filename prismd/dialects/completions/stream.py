"""Streams of text completions: relayed, read and written, sans I/O."""

from collections.abc import Callable, Iterator

import msgspec

from prismd.dialects.base import About
from prismd.dialects.completions.answer import (
    FINISH,
    STOPS,
    Logprobs,
    echo_of,
    head,
    read_logprobs,
    write_answer,
    write_logprobs,
)
from prismd.dialects.errors import error_event
from prismd.dialects.gather import Gathering
from prismd.dialects.openai.follower import MEDIA_TYPE
from prismd.dialects.openai.usage import ABSENT, is_null, usage_body, usage_of
from prismd.dialects.vendor_error import read_embedded_error
from prismd.kernel import jsonio, sse
from prismd.kernel.errors import PrismError, UpstreamError
from prismd.kernel.sse import DONE, SseDecoder, SseEvent, SseOverflow
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    UsageTold,
)

_NULL_USAGE = b',"usage":null'


class _Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class CompletionDecoder:
    """Read a vendor's stream (the port ``Decoder``)."""

    def __init__(self, *, provider: str) -> None:
        self.is_done = False
        self._provider = provider
        self._sse = SseDecoder()
        self._has_started = False
        self._ended: dict[int, bool] = {}

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes; raises UpstreamError."""
        for event in self.events(chunk):
            yield from self.read(event)

    def end(self) -> Iterator[Event]:
        """Take the end of the bytes; raises UpstreamError if it came too early."""
        yield from self.feed(b"\n\n")
        self.check_end()

    def events(self, chunk: bytes) -> Iterator[SseEvent]:
        """Cut the bytes into events; raises UpstreamError."""
        try:
            yield from self._sse.feed(chunk)
        except SseOverflow:
            raise self._broken("sent an event that is too large") from None

    def check_end(self) -> None:
        """Take the end; raises UpstreamError if it came too early."""
        has_ended = bool(self._ended) and all(self._ended.values())
        if not self.is_done and not has_ended:
            msg = f"Provider '{self._provider}' ended the stream before the answer was complete."
            raise UpstreamError(msg, provider=self._provider, code="upstream_closed_early")
        self.is_done = True

    def read(self, event: SseEvent) -> list[Event]:
        """Read one event; raises UpstreamError."""
        if not event.data or self.is_done:
            return []
        if event.data == DONE:
            self.is_done = True
            return []
        try:
            chunk = _decode_chunk(event.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise self._broken("sent an event that is no chunk of a completion") from None
        if not is_null(chunk.error) and not chunk.choices:
            raise read_embedded_error(event.data, provider=self._provider)
        told: list[Event] = []
        if not self._has_started:
            self._has_started = True
            told.append(Started(id=chunk.id, model=chunk.model))
        for choice in chunk.choices or ():
            told += self._of_choice(choice)
        if (usage := usage_of(chunk.usage)) is not None:
            told.append(UsageTold(usage=usage))
        return told

    def _of_choice(self, choice: _Choice) -> Iterator[Event]:
        at = choice.index
        self._ended.setdefault(at, False)
        if choice.text:
            yield TextDelta(text=choice.text, choice=at)
        if tokens := read_logprobs(choice.logprobs):
            yield LogprobsDelta(tokens=tokens, choice=at)
        if choice.finish_reason is not None and not self._ended[at]:
            self._ended[at] = True
            yield Finished(stop=STOPS.get(choice.finish_reason, StopReason.END), choice=at)

    def _broken(self, what: str) -> UpstreamError:
        return UpstreamError(
            f"Provider '{self._provider}' {what}; the answer is cut here.",
            provider=self._provider,
            code="invalid_upstream_response",
        )


class CompletionFollower:
    """Relay a stream as it comes (the port ``Follower``)."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.output_chars = 0
        self.output_deltas = 0
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._decoder = CompletionDecoder(provider=provider)
        self._kept: Gathering | None = None

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete."""
        return self._decoder.is_done

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the vendor's next bytes; yield the events to relay; raises UpstreamError."""
        for event in self._decoder.events(chunk):
            if out := self._relay(event):
                yield out

    def end(self) -> Iterator[bytes]:
        """Take the end of the vendor's bytes; raises UpstreamError if it came too early."""
        yield from self.feed(b"\n\n")
        self._decoder.check_end()

    def last(self) -> bytes:
        """Return the end marker."""
        return sse.encode(DONE)

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, DialectName.COMPLETIONS)

    def keep(self, *, max_chars: int) -> None:
        """Remember what comes."""
        self._kept = Gathering(max_chars=max_chars)

    @property
    def is_cut(self) -> bool:
        """Whether more came than is kept."""
        return self._kept is not None and self._kept.is_cut

    def answer(self) -> bytes:
        """Return what has come so far as a whole answer, without the prompt."""
        bare = msgspec.structs.replace(self._about, request=None)
        return write_answer((self._kept or Gathering()).answer(), bare)

    def _relay(self, event: SseEvent) -> bytes:
        told = self._decoder.read(event)
        if not event.data or event.data == DONE:
            return b""
        is_said = False
        for one in told:
            if self._kept is not None:
                self._kept.add(one)
            if isinstance(one, TextDelta):
                self.output_chars += len(one.text)
                self.output_deltas += 1
                is_said = True
            elif isinstance(one, UsageTold):
                self.usage = one.usage
            elif isinstance(one, Finished):
                is_said = True
        is_usage = any(isinstance(one, UsageTold) for one in told) and not is_said
        if is_usage:
            return self._annotated(event) if self._about.wants_usage else b""
        return event.raw if self._about.wants_usage else event.raw.replace(_NULL_USAGE, b"")

    def _annotated(self, event: SseEvent) -> bytes:
        if self.annotate is None or self.usage is None:
            return event.raw
        data = (event.data or b"").replace(b"\n", b" ").rstrip()
        return sse.encode(data.removesuffix(b"}") + b',"prism":' + self.annotate(self.usage) + b"}")


class CompletionEncoder:
    """Write a stream (the port ``Encoder``)."""

    media_type = MEDIA_TYPE

    def __init__(self, about: About) -> None:
        self.annotate: Callable[[Usage], bytes] | None = None
        self._about = about
        self._head = head(about, answer_id=None, model=None)
        self._echo = echo_of(about)
        self._offsets: dict[int, int] = {}
        """Choice → characters that its tokens with logprobs had so far."""
        self._tokens: dict[int, tuple[TokenLogprob, ...]] = {}
        """Choice → tokens that are told with the words behind them."""

    def encode(self, event: Event) -> bytes:
        """Write an event; what is no text is nothing."""
        match event:
            case Started():
                self._head = head(self._about, answer_id=event.id, model=event.model)
            case TextDelta():
                return self._text(event.choice, event.text)
            case LogprobsDelta():
                self._tokens[event.choice] = self._tokens.get(event.choice, ()) + event.tokens
            case Finished():
                return self._text(event.choice, "", finish=FINISH.get(event.stop, "stop"))
            case UsageTold() if self._about.wants_usage:
                return self._usage(event.usage)
            case _:
                pass
        return b""

    def last(self) -> bytes:
        """Return the end marker."""
        return sse.encode(DONE)

    def failed(self, error: PrismError) -> bytes:
        """Return the event that says why there is no end."""
        return error_event(error, DialectName.COMPLETIONS)

    def _text(self, choice: int, text: str, *, finish: str | None = None) -> bytes:
        if choice not in self._offsets:
            self._offsets[choice] = len(self._echo)
            text = self._echo + text
        tokens = self._tokens.pop(choice, ())
        logprobs = None
        if tokens:
            logprobs = write_logprobs(tokens, offset=self._offsets[choice])
            self._offsets[choice] += sum(len(token.token) for token in tokens)
        said = {"text": text, "index": choice, "logprobs": logprobs, "finish_reason": finish}
        return sse.encode(jsonio.encode({**self._head, "choices": [said]}))

    def _usage(self, usage: Usage) -> bytes:
        body = {**self._head, "choices": [], "usage": usage_body(usage)}
        if self.annotate is not None:
            body["prism"] = msgspec.Raw(self.annotate(usage))
        return sse.encode(jsonio.encode(body))
