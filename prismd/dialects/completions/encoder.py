"""Events → a stream of text completions."""

from collections.abc import Callable

import msgspec

from prismd.dialects.base import About
from prismd.dialects.completions.answer import (
    FINISH,
    echo_of,
    head,
    write_logprobs,
)
from prismd.dialects.errors import error_event
from prismd.dialects.openai.usage import usage_body
from prismd.kernel import jsonio, sse
from prismd.kernel.errors import PrismError
from prismd.kernel.sse import DONE, MEDIA_TYPE
from prismd.wire.call import DialectName
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Event,
    Finished,
    LogprobsDelta,
    Started,
    TextDelta,
    TokenLogprob,
    UsageTold,
)


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
