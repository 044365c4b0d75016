"""``POST /v1/chat/completions``: what the gateway looks at in a request (OpenAI API, chat).

The inside of messages is not read here: it belongs to the dialect, or to the vendor.
"""

import msgspec


class StreamOptions(msgspec.Struct, frozen=True, gc=False):
    """``stream_options`` of a chat request."""

    include_usage: bool | None = None


class ChatPeek(msgspec.Struct, frozen=True, gc=False):
    """The typed top level of a chat request. Fields not named here are passed on as they are."""

    model: str
    messages: list[msgspec.Raw]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    user: str | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    """The older spelling of ``tools``."""
    tool_choice: str | dict[str, msgspec.Raw] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, msgspec.Raw] | None = None
    logit_bias: dict[str, float] | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    modalities: list[str] | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request of any dialect that has been looked at once."""

    peek: msgspec.Struct
    """The typed top level. What is in it is known to its dialect alone."""
    fields: dict[str, msgspec.Raw]
    """Top-level name → the client's bytes; of a name given twice the last, as in ``peek``."""
    size_bytes: int
    model: str
    """The model as the client named it."""
    is_stream: bool
    """Whether the client wants the answer as it is made."""
    wants_usage: bool = False
    """OpenAI: whether the client asked for the usage chunk of a stream."""
    max_output_tokens: int | None = None
    """The caller's own limit of an answer, as the vendor would read it."""
    choices: int = 1
    """How many answers are asked for, at least 1."""
    is_array: bool = False
    """Google: whether a stream is a JSON array in place of server-sent events."""
