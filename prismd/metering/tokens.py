"""Estimate tokens without a tokenizer: for holds, ``count_tokens``, and streams that broke off.

A prompt is text, by weight (``weights``), a few tokens of framing for each message, and media, of
which the size says little. A hold takes the most that it can be, all others what is likely.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from prismd.dialects.openai.request import peek_of
from prismd.dialects.registry import DIALECTS
from prismd.kernel.errors import PrismError
from prismd.metering.weights import AT_MOST, LIKELY, weigh
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
TOOLS_OVERHEAD_TOKENS = 600
"""What a vendor itself says to a model that has tools, at most; Anthropic publishes 290 to 530."""
IMAGE_TOKENS = 765
"""A high-detail image of 1024 by 1024; what an image is counted as when its size is not known."""
IMAGE_TOKENS_AT_MOST = 2_500
"""Of 1,536 patches, 1.62 tokens each: the most of a vendor's that a vendor scales down to."""

FILE_BYTES_PER_TOKEN = 32
"""Of a PDF: pages of text and pictures are compressed, and read as both."""
AUDIO_BYTES_PER_TOKEN = 500
"""16 kB/s of compressed speech at 32 tokens per second."""
VIDEO_BYTES_PER_TOKEN = 500
MEDIA_MARGIN = 4
"""How far the size of a file, a sound or a film can mislead: sparser pages, better compression."""

TEXT_MARGIN = 2.4
"""How much more English prose may be than it is likely to be, when only its length is known."""
_ASCII_CHARS_PER_TOKEN = 4


_NONE = msgspec.Raw()


class _Part(msgspec.Struct):
    text: str | None = None
    file: msgspec.Raw = _NONE
    input_audio: msgspec.Raw = _NONE


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: msgspec.Raw = _NONE


_decode_message = msgspec.json.Decoder(_Message).decode


class Size(msgspec.Struct):
    """How large a prompt is; what is read of it is added up here."""

    tokens: int = REPLY_PRIMER_TOKENS
    """Of framing, and of what is no text."""
    tokens_at_most: int = REPLY_PRIMER_TOKENS
    texts: list[str] = msgspec.field(default_factory=list)
    documents: list[msgspec.Raw] = msgspec.field(default_factory=list)
    """JSON that a model reads as text."""

    def add(self, tokens: int, at_most: int | None = None) -> None:
        """Add what is no text."""
        self.tokens += tokens
        self.tokens_at_most += tokens if at_most is None else at_most

    def likely(self) -> int:
        """Return the tokens that it probably has."""
        return self.tokens + _estimate_bytes(self._data())

    def bounds(self) -> tuple[int, int]:
        """Return the tokens that it probably has, and those that it can have."""
        data = self._data()
        likely = self.tokens + _estimate_bytes(data)
        return likely, self.tokens_at_most + weigh(data, AT_MOST)

    def _data(self) -> bytes:
        text = "".join(self.texts).encode("utf-8", "surrogatepass")
        return b"".join((text, *self.documents)) if self.documents else text


def estimate_text(text: str) -> int:
    """Estimate the tokens of a text."""
    return _estimate_bytes(text.encode("utf-8", "surrogatepass"))


def _estimate_bytes(data: bytes) -> int:
    return estimate_chars(len(data)) if data.isascii() else weigh(data, LIKELY)


def estimate_chars(chars: int) -> int:
    """Estimate the tokens of a text of which only the length is known."""
    return -(-chars // _ASCII_CHARS_PER_TOKEN)  # rounded up


def at_most_of(tokens: int) -> int:
    """Return what a prompt of one message can have of which only likely tokens are known."""
    framing = min(tokens, REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS)
    return framing + math.ceil((tokens - framing) * TEXT_MARGIN)


def size_of(dialect: DialectName, request: ChatRequest) -> Size:
    """Size up all that a request asks a model to read."""
    if dialect is DialectName.OPENAI:
        peek = peek_of(request)
        return size_messages(peek.messages, (*(peek.tools or ()), *(peek.functions or ())))
    try:
        return size_conversation(DIALECTS[dialect].read(request))
    except PrismError:  # one that cannot be read counts by its length
        size = Size()
        _add_unread(size, request.size_bytes)
        return size


def size_messages(messages: Sequence[msgspec.Raw], tools: Sequence[msgspec.Raw] = ()) -> Size:
    """Size up chat messages and tools, framing included."""
    size = Size()
    size.add(MESSAGE_OVERHEAD_TOKENS * len(messages))
    for raw in messages:
        try:
            message = _decode_message(raw)
        except (msgspec.DecodeError, RecursionError):
            _add_unread(size, len(bytes(raw)))
            continue
        content = message.content
        if isinstance(content, str):
            size.texts.append(content)
        elif content is not None:
            _add_content(size, content)
        if message.name:
            size.texts.append(message.name)
        if message.tool_calls is not _NONE:
            size.documents.append(message.tool_calls)
    _add_tools(size, tools)
    return size


def _add_content(size: Size, content: list[_Part]) -> None:
    for part in content:
        if part.text is not None:
            size.texts.append(part.text)
        elif part.file is not _NONE:
            _add_by_bytes(size, len(bytes(part.file)) * 3 // 4, FILE_BYTES_PER_TOKEN)
        elif part.input_audio is not _NONE:
            _add_by_bytes(size, len(bytes(part.input_audio)) * 3 // 4, AUDIO_BYTES_PER_TOKEN)
        else:
            size.add(IMAGE_TOKENS, IMAGE_TOKENS_AT_MOST)


def _add_tools(size: Size, schemas: Sequence[msgspec.Raw]) -> None:
    if schemas:
        size.add(0, TOOLS_OVERHEAD_TOKENS)
        size.documents += schemas


def _add_unread(size: Size, size_bytes: int) -> None:
    tokens = estimate_chars(size_bytes)
    size.add(tokens, int(tokens * TEXT_MARGIN))


def size_conversation(said: Conversation) -> Size:
    """Size up a conversation, framing included."""
    size = Size()
    size.add(MESSAGE_OVERHEAD_TOKENS * (len(said.turns) + bool(said.system)))
    size.texts += (text.text for text in said.system)
    for turn in said.turns:
        _add_parts(size, turn.parts)
    _add_tools(size, [tool.schema for tool in said.tools])
    for tool in said.tools:
        size.texts += (tool.name, tool.description or "")
    if said.json_format is not None and said.json_format.schema is not None:
        size.documents.append(said.json_format.schema)
    return size


def _add_parts(size: Size, parts: Iterable[Part]) -> None:
    for part in parts:
        match part:
            case Text() | Thinking():
                size.texts.append(part.text)
            case ToolUse():
                size.add(MESSAGE_OVERHEAD_TOKENS)
                size.texts += (part.name, part.arguments)
            case ToolResult():
                size.add(MESSAGE_OVERHEAD_TOKENS)
                _add_parts(size, part.parts)
            case RedactedThinking():
                _add_unread(size, len(part.data))
            case Media():
                _add_media(size, part)


def _add_media(size: Size, media: Media) -> None:
    """Add what is no text; of a file the size is all that is known."""
    if media.kind is MediaKind.IMAGE:
        size.add(IMAGE_TOKENS, IMAGE_TOKENS_AT_MOST)
        return
    match media.kind:
        case MediaKind.AUDIO:
            per_token = AUDIO_BYTES_PER_TOKEN
        case MediaKind.VIDEO:
            per_token = VIDEO_BYTES_PER_TOKEN
        case _:
            is_text = (media.mime or "").startswith("text/")
            per_token = _ASCII_CHARS_PER_TOKEN if is_text else FILE_BYTES_PER_TOKEN
    _add_by_bytes(size, len(media.data or "") * 3 // 4, per_token)


def _add_by_bytes(size: Size, size_bytes: int, per_token: int) -> None:
    tokens = max(IMAGE_TOKENS, size_bytes // per_token)
    size.add(tokens, tokens * MEDIA_MARGIN)


def estimate_usage(dialect: DialectName, request: ChatRequest, *, output_chars: int) -> Usage:
    """Estimate what a call used when the vendor did not say."""
    return Usage(
        input_tokens=size_of(dialect, request).likely(),
        output_tokens=estimate_chars(output_chars),
        requests=1,
        is_estimated=True,
    )
