"""Estimate tokens without a tokenizer: for ``count_tokens`` and for streams that broke off.

Calibration: English text has about 4 characters per token in current vocabularies; other scripts
come closer to 1.5 characters per token. Each message costs a few tokens of framing.
"""

import math
from collections.abc import Sequence

import msgspec

from prismd.dialects.openai.request import peek_of
from prismd.dialects.registry import DIALECTS
from prismd.kernel.errors import PrismError
from prismd.wire.call import DialectName
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage
from prismd.wire.conversation import (
    Conversation,
    Media,
    MediaKind,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

MESSAGE_OVERHEAD_TOKENS = 4
REPLY_PRIMER_TOKENS = 3
IMAGE_TOKENS = 765
"""A high-detail image of 1024 by 1024; what an image is counted as when its size is not known."""

FILE_BYTES_PER_TOKEN = 32
"""Of a PDF: pages of text and pictures are compressed, and read as both."""
AUDIO_BYTES_PER_TOKEN = 500
"""16 kB/s of compressed speech at 32 tokens per second."""
VIDEO_BYTES_PER_TOKEN = 500

_ASCII_CHARS_PER_TOKEN = 4
_OTHER_CHARS_PER_TOKEN = 1.5


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None


_NO_TOOL_CALLS = msgspec.Raw()


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: msgspec.Raw = _NO_TOOL_CALLS


_decode_message = msgspec.json.Decoder(_Message).decode


def estimate_text(text: str) -> int:
    """Estimate the tokens of a text."""
    if text.isascii():
        return estimate_chars(len(text))
    plain = len(text.encode("ascii", "ignore"))
    return math.ceil(plain / _ASCII_CHARS_PER_TOKEN + (len(text) - plain) / _OTHER_CHARS_PER_TOKEN)


def estimate_chars(chars: int) -> int:
    """Estimate the tokens of a text of which only the length is known."""
    return -(-chars // _ASCII_CHARS_PER_TOKEN)  # rounded up


def estimate_messages(messages: Sequence[msgspec.Raw], tools: Sequence[msgspec.Raw] = ()) -> int:
    """Estimate the prompt tokens of chat messages and tools, framing included."""
    total = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS * len(messages)
    for raw in messages:
        try:
            message = _decode_message(raw)
        except (msgspec.DecodeError, RecursionError):
            total += estimate_chars(len(bytes(raw)))
            continue
        text = message.content
        if isinstance(text, str) and text.isascii():  # as that of most messages
            total += -(-len(text) // _ASCII_CHARS_PER_TOKEN)
        elif text:
            total += _estimate_content(text)
        if message.name:
            total += estimate_text(message.name)
        if message.tool_calls is not _NO_TOOL_CALLS:
            total += estimate_chars(len(bytes(message.tool_calls)))
    for tool in tools:
        total += estimate_chars(len(bytes(tool)))
    return total


def estimate_prompt(dialect: DialectName, request: ChatRequest) -> int:
    """Estimate the tokens of all that a request asks a model to read."""
    if dialect is not DialectName.OPENAI:
        return _estimate_read(dialect, request)
    peek = peek_of(request)
    prompt = estimate_messages(peek.messages, peek.tools or ())
    if peek.functions:
        prompt += sum(estimate_chars(len(bytes(raw))) for raw in peek.functions)
    return prompt


def _estimate_read(dialect: DialectName, request: ChatRequest) -> int:
    """Read the request for it; one that cannot be read counts by its size."""
    try:
        return estimate_conversation(DIALECTS[dialect].read(request))
    except PrismError:
        return estimate_chars(request.size_bytes)


def estimate_conversation(conversation: Conversation) -> int:
    """Estimate the tokens of a conversation, framing included."""
    said = conversation
    total = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS * (len(said.turns) + bool(said.system))
    total += sum(estimate_text(text.text) for text in said.system)
    total += sum(_estimate_part(part) for turn in said.turns for part in turn.parts)
    for tool in said.tools:
        total += estimate_chars(len(bytes(tool.schema)) + len(tool.name))
        total += estimate_text(tool.description or "")
    if said.json_format is not None and said.json_format.schema is not None:
        total += estimate_chars(len(bytes(said.json_format.schema)))
    return total


def _estimate_part(part: Part) -> int:
    match part:
        case Text():
            return estimate_text(part.text)
        case Thinking():
            return estimate_text(part.text)
        case ToolUse():
            return estimate_chars(len(part.name) + len(part.arguments)) + MESSAGE_OVERHEAD_TOKENS
        case ToolResult():
            return MESSAGE_OVERHEAD_TOKENS + sum(_estimate_part(inner) for inner in part.parts)
        case RedactedThinking():
            return estimate_chars(len(part.data))
        case Media():
            return _estimate_media(part)


def _estimate_media(media: Media) -> int:
    """Estimate what is no text; of a file the size is all that is known."""
    if media.kind is MediaKind.IMAGE:
        return IMAGE_TOKENS
    size_bytes = len(media.data or "") * 3 // 4
    match media.kind:
        case MediaKind.AUDIO:
            return max(IMAGE_TOKENS, size_bytes // AUDIO_BYTES_PER_TOKEN)
        case MediaKind.VIDEO:
            return max(IMAGE_TOKENS, size_bytes // VIDEO_BYTES_PER_TOKEN)
        case _:
            is_text = (media.mime or "").startswith("text/")
            per_token = _ASCII_CHARS_PER_TOKEN if is_text else FILE_BYTES_PER_TOKEN
            return max(IMAGE_TOKENS, size_bytes // per_token)


def estimate_usage(dialect: DialectName, request: ChatRequest, *, output_chars: int) -> Usage:
    """Estimate what a call used when the vendor did not say."""
    return Usage(
        input_tokens=estimate_prompt(dialect, request),
        output_tokens=estimate_chars(output_chars),
        requests=1,
        is_estimated=True,
    )


def _estimate_content(content: str | list[_Part]) -> int:
    if isinstance(content, str):
        return estimate_text(content)
    return sum(IMAGE_TOKENS if part.text is None else estimate_text(part.text) for part in content)
