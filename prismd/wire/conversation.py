"""A conversation in the terms that all chat dialects share: what is asked, said, and streamed.

Each dialect reads its own shape into these types and writes its own shape from them, so any client
can talk to any vendor with one codec per dialect and no codec per pair. Values only.

JSON that nobody here looks into stays text (``ToolUse.arguments``) or ``Raw`` (schemas). What a
dialect cannot say is left out and *named*, in the words of ``DROP_NAMES``, or where it is a field
that only the caller's dialect has, by the caller's own name of that field.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from prismd.wire.common import Usage

Raw = msgspec.Raw
CacheTtl: TypeAlias = Literal["5m", "1h"]
"""How long a vendor is asked to keep the prompt up to and with a part."""


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Words."""

    text: str
    cache: CacheTtl | None = None
    signature: str | None = None
    """Google puts the signature of a thought on the part behind it."""


class MediaKind(StrEnum):
    """What a media part is."""

    IMAGE = "image"
    FILE = "file"
    """A document: PDF, text, office formats."""
    AUDIO = "audio"
    VIDEO = "video"


class Media(msgspec.Struct, frozen=True, kw_only=True, tag="media"):
    """An image, file, sound or film. Exactly one of ``data``, ``url``, ``file_id`` is set."""

    kind: MediaKind
    mime: str | None
    """Media type, lower case, such as ``image/png``; None where the caller did not say (a URL)."""
    data: str | None = None
    """Standard base64; it has been checked that it can be decoded."""
    url: str | None = None
    """http(s), as the caller gave it; it has not been fetched."""
    file_id: str | None = None
    """The vendor's own name of an uploaded file."""
    name: str | None = None
    detail: str | None = None
    """OpenAI's ``low``, ``high``, ``auto``."""
    cache: CacheTtl | None = None


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, tag="tool_use"):
    """The model calls a tool."""

    id: str
    """Never empty: a dialect without ids (Google's older form) makes them: ``call_<n>``."""
    name: str
    arguments: str
    """A JSON object, as text; what a model wrote that is none stands here as it is."""
    signature: str | None = None
    """Google's signature of the thought that led here."""
    cache: CacheTtl | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool answered."""

    tool_use_id: str
    name: str | None = None
    """Name of the tool; a dialect that needs it looks it up by the id."""
    parts: "tuple[Text | Media, ...]"
    is_error: bool = False
    cache: CacheTtl | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True, tag="thinking"):
    """What the model thought, or a summary of it."""

    text: str
    signature: str | None = None
    """The vendor's seal, kept unread: it wants it back with the next turn."""


class RedactedThinking(msgspec.Struct, frozen=True, kw_only=True, tag="redacted_thinking"):
    """A thought that only the vendor can read."""

    data: str


Part: TypeAlias = Text | Media | ToolUse | ToolResult | Thinking | RedactedThinking


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Results of tools are parts of a user's turn, calls of an assistant's."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the model may call."""

    name: str
    description: str | None = None
    schema: Raw = Raw(b'{"type":"object","properties":{}}')
    """JSON schema of its arguments, an object."""
    is_strict: bool | None = None
    cache: CacheTtl | None = None


class ToolMode(StrEnum):
    """Whether tools are called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    """At least one."""


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools may or must be called."""

    mode: ToolMode
    names: tuple[str, ...] = ()
    """Only these of the offered; empty: all. ``REQUIRED`` with one name forces that tool."""


class JsonFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is one JSON value."""

    schema: Raw | None = None
    """JSON schema that it fits; None: any object."""
    name: str = "answer"
    description: str | None = None
    is_strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model thinks. Of ``effort`` and ``budget_tokens`` a dialect uses what it has."""

    effort: str | None = None
    """``none``, ``minimal``, ``low``, ``medium``, ``high``, ``xhigh`` …"""
    budget_tokens: int | None = None
    """0: it does not think; -1: as it likes."""
    is_shown: bool | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the next turn. None everywhere means: the caller did not say."""

    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, float] | None = None
    json_format: JsonFormat | None = None
    reasoning: Reasoning | None = None
    user: str | None = None
    metadata: Mapping[str, str] | None = None
    service_tier: str | None = None
    drops: tuple[str, ...] = ()
    """Top-level fields that the caller's dialect has and these types have not, as it names them."""


DROP_NAMES = frozenset(
    {
        "audio",
        "cache_control",
        "file",
        "file_id",
        "frequency_penalty",
        "image",
        "image_detail",
        "json_format",
        "logit_bias",
        "logprobs",
        "message_name",
        "metadata",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning",
        "seed",
        "service_tier",
        "stop",
        "strict_tools",
        "system_position",
        "temperature",
        "thinking",
        "tool_choice",
        "tool_result_error",
        "tool_result_media",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "video",
    }
)
"""What a target may not be able to say. ``system_position``: a system message in the middle was
moved to the front. ``thinking``: thoughts of earlier turns. ``tool_choice``: a subset of tools, or
a mode, that the target does not know."""


class StopReason(StrEnum):
    """Why an answer ended."""

    END = "end"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_USE = "tool_use"
    CONTENT_FILTER = "content_filter"
    """The vendor's filter cut or refused it."""
    REFUSAL = "refusal"
    """The model refused."""
    PAUSE = "pause"
    """The vendor wants the turn back to go on (Anthropic's ``pause_turn``)."""
    ERROR = "error"
    """The vendor ended it for a fault of the answer (a malformed call of a tool)."""


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the answer and how likely it was."""

    token: str
    logprob: float
    top: "tuple[tuple[str, float], ...]" = ()
    """The likeliest tokens at this place."""


class AnswerChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers to a request."""

    index: int = 0
    parts: "tuple[Text | Media | ToolUse | Thinking | RedactedThinking, ...]" = ()
    stop: StopReason | None = None
    """None: it has not ended, as what is kept of an answer that was cut."""
    stop_sequence: str | None = None
    """Which, where the vendor says."""
    logprobs: tuple[TokenLogprob, ...] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str | None = None
    """The vendor's id of it."""
    model: str | None = None
    """The model as the vendor names it."""
    choices: tuple[AnswerChoice, ...]
    usage: Usage | None = None
    """None when the vendor did not say."""


# What a stream is made of. A whole answer and the events of a stream say the same: see
# ``dialects/gather.py``, which makes one of the other.


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The vendor has begun. At most once, before anything else of a choice."""

    id: str | None = None
    model: str | None = None
    usage: Usage | None = None
    """What is known of the input already (Anthropic), so that a client can be told early."""


class TextDelta(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Some words."""

    text: str
    choice: int = 0
    signature: str | None = None


class ThinkingDelta(msgspec.Struct, frozen=True, kw_only=True, tag="thinking"):
    """Some thought."""

    text: str
    choice: int = 0


class ThinkingSigned(msgspec.Struct, frozen=True, kw_only=True, tag="thinking_signed"):
    """The seal of the thought that ends here."""

    signature: str
    choice: int = 0


class ThinkingRedacted(msgspec.Struct, frozen=True, kw_only=True, tag="thinking_redacted"):
    """A thought that only the vendor can read, whole."""

    data: str
    choice: int = 0


class ToolStarted(msgspec.Struct, frozen=True, kw_only=True, tag="tool_started"):
    """The model calls a tool; its arguments follow."""

    tool: int
    """Counts the calls of this choice, from 0."""
    id: str
    name: str
    choice: int = 0
    signature: str | None = None


class ToolArguments(msgspec.Struct, frozen=True, kw_only=True, tag="tool_arguments"):
    """A piece of the JSON text of a call's arguments. Calls may be interleaved."""

    tool: int
    text: str
    choice: int = 0


class MediaMade(msgspec.Struct, frozen=True, kw_only=True, tag="media_made"):
    """The model made an image or a sound, whole."""

    media: Media
    choice: int = 0


class LogprobsDelta(msgspec.Struct, frozen=True, kw_only=True, tag="logprobs"):
    """How likely the tokens were that came right before this."""

    tokens: tuple[TokenLogprob, ...]
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """A choice has ended. Once per choice."""

    stop: StopReason
    choice: int = 0
    stop_sequence: str | None = None


class UsageTold(msgspec.Struct, frozen=True, kw_only=True, tag="usage"):
    """What the call used, all of it: a later one replaces an earlier one."""

    usage: Usage


Event: TypeAlias = (
    Started
    | TextDelta
    | ThinkingDelta
    | ThinkingSigned
    | ThinkingRedacted
    | ToolStarted
    | ToolArguments
    | MediaMade
    | LogprobsDelta
    | Finished
    | UsageTold
)
