"""A request for a text completion: looked at, relayed, or read as a conversation of one turn.

One call has one or more prompts. A vendor with completions of its own takes all of them, also as
numbers of tokens. As a conversation there is one prompt of text: ``split`` makes a request of each.
"""

import msgspec
from msgspec.structs import replace

from prismd.dialects.base import Outgoing
from prismd.dialects.reading import check_model, missing, top_level
from prismd.kernel import jsonio
from prismd.kernel.errors import InvalidRequest
from prismd.wire.chat import ChatRequest, StreamOptions
from prismd.wire.conversation import Conversation, Text, Turn

Raw = msgspec.Raw

DEFAULT_MAX_TOKENS = 16
"""What the API gives who asks for nothing else (OpenAI reference, completions)."""
_HINTS = {
    "model": "a string; GET /v1/models lists what this key may use",
    "prompt": "a string, or an array of strings",
}
MAX_PROMPTS = 128

_FILL_IN = (
    "Complete the user's text. It is followed by the text between the lines of dashes. Write only "
    "what belongs between the two: no quotes, no explanation, nothing that stands there already.\n"
    "----\n{suffix}\n----"
)


class CompletionPeek(msgspec.Struct, frozen=True, gc=False):
    """The typed top level. Fields not named here are passed on to vendors with completions."""

    model: str
    prompt: str | list[str | int | list[int]] = "<|endoftext|>"
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """Every prompt."""
        prompt = self.prompt
        if isinstance(prompt, str):
            return [prompt]
        texts = [text for text in prompt if isinstance(text, str)]
        numbers = [token for token in prompt if isinstance(token, int)]
        lists = [tokens for tokens in prompt if isinstance(tokens, list)]
        if len(prompt) not in (len(texts), len(numbers), len(lists)):
            msg = (
                "'prompt': its members are all texts, all numbers of tokens, or all lists of them."
            )
            raise InvalidRequest(msg, code="invalid_type", param="prompt")
        return [numbers] if numbers else texts or lists


_decode_peek = msgspec.json.Decoder(CompletionPeek).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_KNOWN = frozenset(CompletionPeek.__struct_fields__)


def peek_of(request: ChatRequest) -> CompletionPeek:
    """Return the typed top level of a request of this dialect."""
    assert isinstance(request.peek, CompletionPeek)  # noqa: S101  # ``parse`` made it
    return request.peek


def parse(body: bytes) -> ChatRequest:
    """Read a request's top level.

    Raises:
        InvalidRequest: not JSON, a field missing, of the wrong type or out of range.
    """
    peek, fields = top_level(body, _decode_peek, _HINTS)
    if "prompt" not in fields:
        raise missing("prompt", _HINTS)
    return _request(peek, fields, len(body))


def _request(peek: CompletionPeek, fields: dict[str, Raw], size_bytes: int) -> ChatRequest:
    check_model(peek.model)
    count = len(peek.prompts)
    if not 1 <= count <= MAX_PROMPTS:
        msg = f"'prompt' holds 1 to {MAX_PROMPTS} prompts."
        raise InvalidRequest(msg, code="invalid_value", param="prompt")
    each = max(1, peek.n or 1, peek.best_of or 1)
    options = peek.stream_options
    given = peek.max_tokens
    return ChatRequest(
        peek=peek,
        fields=fields,
        size_bytes=size_bytes,
        model=peek.model,
        is_stream=bool(peek.stream),
        wants_usage=options is not None and bool(options.include_usage),
        max_output_tokens=DEFAULT_MAX_TOKENS if given is None else given,
        choices=count * each,
    )


def split(request: ChatRequest) -> list[ChatRequest]:
    """Return a request for each prompt."""
    peek = peek_of(request)
    prompts = peek.prompts
    if len(prompts) == 1:
        return [request]
    parts = []
    for prompt in prompts:
        fields = request.fields | {"prompt": Raw(jsonio.encode(prompt))}
        part = replace(peek, prompt=prompt)
        parts.append(_request(part, fields, request.size_bytes // len(prompts)))
    return parts


def read(request: ChatRequest) -> Conversation:
    """Read a request of one prompt as a conversation.

    Raises:
        InvalidRequest: several prompts, or one of numbers of tokens.
    """
    peek = peek_of(request)
    prompts = peek.prompts
    prompt = prompts[0]
    if len(prompts) > 1 or not isinstance(prompt, str):
        msg = (
            "This model's provider has no completions of its own, so a prompt must be text here, "
            "not numbers of tokens."
        )
        raise InvalidRequest(msg, code="unsupported_prompt", param="prompt")
    if not prompt:
        msg = "This model's provider has no completions of its own, and takes no empty prompt."
        raise InvalidRequest(msg, code="empty_prompt", param="prompt")
    stop = [peek.stop] if isinstance(peek.stop, str) else peek.stop or []
    drops = [name for name in request.fields if name not in _KNOWN]
    if (peek.best_of or 1) > max(1, peek.n or 1):
        drops.append("best_of")
    system = (Text(text=_FILL_IN.format(suffix=peek.suffix)),) if peek.suffix else ()
    return Conversation(
        system=system,
        turns=(Turn(role="user", parts=(Text(text=prompt),)),),
        max_output_tokens=request.max_output_tokens,
        temperature=peek.temperature,
        top_p=peek.top_p,
        presence_penalty=peek.presence_penalty,
        frequency_penalty=peek.frequency_penalty,
        stop=tuple(word for word in stop if word),
        seed=peek.seed,
        n=peek.n,
        logprobs=None if peek.logprobs is None else True,
        top_logprobs=peek.logprobs or None,
        logit_bias=peek.logit_bias,
        user=peek.user,
        drops=tuple(drops),
    )


def relay(request: ChatRequest, *, model: str, output_limit: int | None) -> Outgoing:
    """Splice the vendor's model name, and that a stream tells its usage."""
    fields: dict[str, object] = {**request.fields, "model": model}
    if output_limit is not None:
        fields["max_tokens"] = output_limit
    if request.is_stream and not request.wants_usage:
        given = request.fields.get("stream_options", Raw(b"null"))
        options = {} if bytes(given) == b"null" else _decode_fields(given)
        fields["stream_options"] = options | {"include_usage": Raw(b"true")}
    return Outgoing(fields, [])
